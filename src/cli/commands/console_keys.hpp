#pragma once
/// The host keys of new instances, from the text that they print on their consoles.

#include <filesystem>
#include <string_view>
#include <vector>

#include "src/cli/commands/instances.hpp"

namespace ec2mpi::cli {

/// Waits until all have printed their keys, and remembers them. It happens before the first login: a machine
/// in between can then not pass for the node. Errors: timeout, with the end of a console.
[[nodiscard]] asio::awaitable<cloud::Answer<void>> remember_printed_keys(
    InstanceContext& context, std::filesystem::path list, std::vector<cloud::Instance> instances);

/// The last lines of a console for people; "(nothing)" if it is empty.
[[nodiscard]] std::string end_of_console(std::string_view console);

}  // namespace ec2mpi::cli
