#pragma once

#include <asio/awaitable.hpp>
#include <string>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/limit.hpp"

namespace ec2mpi::cloud {

struct CommandEnd {
  int status = 0;  ///< the exit status, or 128 and the signal's number
  std::string out;
  std::string err;
};

/// Runs shell text on this machine without blocking the loop. The child gets no terminal input, and no AWS
/// keys of our environment. It is killed when the limit ends. Errors: local_io, timeout, cancelled.
[[nodiscard]] asio::awaitable<Result<CommandEnd>> run_local_command(std::string command, Limit limit);

}  // namespace ec2mpi::cloud
