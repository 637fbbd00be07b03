#pragma once
/// Commands that need the master only: one connection, one thing to do.

#include <functional>

#include "ec2mpi/cli/session/command_context.hpp"

namespace CLI {
class App;
}

namespace ec2mpi::cli {

struct MasterOptions {
  ListOptions list;
  ConnectOptions connect;
};

void add_master_options(CLI::App& command, MasterOptions& options);

/// Reads list and keys, and runs the work on a loop. It gives the exit code.
[[nodiscard]] Result<int> work_on_master(const MasterOptions& options, const CommonOptions& common,
                                         Work work);

/// Connects to the master and asks. A master that cannot be reached is reported, as exit code 255.
[[nodiscard]] asio::awaitable<int> ask_master(
    CommandContext& context, std::function<asio::awaitable<int>(CommandContext&, ssh::Session&)> ask);

}  // namespace ec2mpi::cli
