#pragma once
/// `run --guard`: the nodes are measured before the job starts.

#include <asio/awaitable.hpp>
#include <optional>
#include <string>

#include "ec2mpi/cli/session/command_context.hpp"

namespace CLI {
class App;
}

namespace ec2mpi::cli {

struct GuardOptions {
  std::string limit;          ///< "10%"; empty: no measurement before the job
  bool without_slow = false;  ///< nodes that the measurement names get no ranks, instead of no job at all
};

/// `options` must live until the command line is parsed.
void add_guard_options(CLI::App& command, GuardOptions& options);

/// Measures the nodes, and takes slow ones out of the context if that was asked for. Returns the exit code if
/// the job must not start; the reason has been printed.
[[nodiscard]] asio::awaitable<std::optional<int>> find_bad_nodes(CommandContext& context,
                                                                 const GuardOptions& options);

}  // namespace ec2mpi::cli
