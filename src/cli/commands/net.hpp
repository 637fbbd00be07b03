#pragma once
/// The measurement of `net`, for commands that need the network's state.

#include <asio/awaitable.hpp>
#include <optional>

#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/ops/doctor/net.hpp"

namespace ec2mpi::cli {

struct NetMeasured {
  int code = 0;                    ///< the exit code, where there is no map
  std::optional<ops::NetMap> map;  ///< nothing if it could not be measured; the reason has been printed
};

/// The measurement is a job as any other, so Ctrl-C ends it on all nodes, and `jobs` lists it. `serial`: one
/// pair at a time.
[[nodiscard]] asio::awaitable<NetMeasured> measure_net(CommandContext& context, bool serial);

}  // namespace ec2mpi::cli
