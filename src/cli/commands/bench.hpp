#pragma once
/// A short measurement of all nodes, and the nodes that are off: for `doctor --bench` and `run --guard`.

#include <asio/awaitable.hpp>
#include <vector>

#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/fleet/outcome.hpp"
#include "ec2mpi/ops/bench/bench.hpp"
#include "ec2mpi/ops/doctor/findings.hpp"

namespace ec2mpi::cli {

struct BenchResult {
  int code = 0;                 ///< not 0 if nodes could not be measured; the reasons have been printed
  ops::NodeSpeeds speeds = {};  ///< the best of all rounds
  std::vector<ops::Check> checks = {};  ///< "speed" and, of two and more nodes, "network"
};

/// Measures the nodes up to five times: until no node is off by more than `limit`. Then measures the
/// network between them as `net` does.
[[nodiscard]] asio::awaitable<BenchResult> measure_nodes(CommandContext& context, double limit);

/// For --json: a number for each measure, by node.
[[nodiscard]] Json speeds_json(const ops::NodeSpeeds& speeds);

}  // namespace ec2mpi::cli
