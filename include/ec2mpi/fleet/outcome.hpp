#pragma once
/// The outcome of each node, and the report of all nodes.

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/node.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi {

/// The node's turn never came: fail-fast, Ctrl-C or the time limit of the whole command was first.
struct NotRun {
  std::string reason;
};

/// Every node ends in exactly one of the three.
using Outcome = std::variant<ssh::ExitStatus, Error, NotRun>;

[[nodiscard]] bool succeeded(const Outcome& outcome);
/// "ok", "exit 3", "killed by signal TERM", an error's message, "not run: ...".
[[nodiscard]] std::string describe(const Outcome& outcome);

struct NodeResult {
  Node node;
  Outcome outcome;
  std::chrono::nanoseconds elapsed{};
  ssh::Phase reached = ssh::Phase::waiting;  ///< how far the connection had come when it ended
};

enum class Ending { complete, interrupted, timed_out };

struct FleetReport {
  std::vector<NodeResult> results;  ///< in the list's order, however they finished
  Ending ending = Ending::complete;

  [[nodiscard]] bool all_succeeded() const;
};

/// 0, 1, 124 or 130; see exit_code.hpp.
[[nodiscard]] int exit_code_for(const FleetReport& report);

/// For a command on a single node: its own status (128 + n for a signal), 255 if the connection failed.
[[nodiscard]] int exit_code_for_one(const FleetReport& report);

}  // namespace ec2mpi
