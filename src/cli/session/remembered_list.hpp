#pragma once
/// The memory of a list in the state folder: which instance has which index.

#include <filesystem>
#include <string>
#include <vector>

#include "ec2mpi/base/state_folder.hpp"
#include "ec2mpi/cluster/list/list_memory.hpp"

namespace ec2mpi::cli {

/// Gives the nodes the indices that are remembered for the list of this name. Returns the changes since then.
/// Errors: those of the state folder.
[[nodiscard]] Result<std::vector<std::string>> recall_list(const StateFolder& state,
                                                           const std::filesystem::path& list,
                                                           Inventory& inventory);

/// Reports the changes, once, and remembers the indices. Errors: local_io.
[[nodiscard]] Result<void> remember_list(const StateFolder& state, const std::filesystem::path& list,
                                         const Inventory& inventory, const std::vector<std::string>& changes);

}  // namespace ec2mpi::cli
