#pragma once
/// A file in the state folder with which ssh(1) reaches the nodes as ec2mpi does.

#include <filesystem>
#include <string>
#include <vector>

#include "ec2mpi/cli/session/cluster_setup.hpp"

namespace ec2mpi::cli {

/// Writes the file `name`, for `nodes`; returns its absolute path.
[[nodiscard]] Result<std::filesystem::path> write_ssh_config(const Cluster& cluster, const Access& access,
                                                             const std::vector<Node>& nodes,
                                                             const std::string& name);

}  // namespace ec2mpi::cli
