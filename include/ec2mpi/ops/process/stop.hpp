#pragma once
/// Ending what ec2mpi started on a node, and looking whether it is gone.
///
/// Everything is found by a mark in its environment (/proc/PID/environ, see proc(5)) and by descent from what
/// is marked; never by program name. So a `setsid`, a background job or a double fork does not hide a
/// process, and nothing else is touched.

#include <asio/awaitable.hpp>
#include <string>
#include <vector>

#include "ec2mpi/base/limit.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::ops {

/// What a look at a node found after the end.
struct StopProof {
  int ended = 0;                       ///< processes that were there and are gone
  std::vector<std::string> left = {};  ///< "pid 123 python3"

  /// "nothing left running" or "still running: pid 123 python3".
  [[nodiscard]] std::string describe() const;
};

/// The shell text that sends TERM to all that bears `mark` ("NAME=value"), after `grace_seconds` KILL, and
/// then prints what it found. Its own environment must not bear the mark.
[[nodiscard]] std::string stop_script(const std::string& mark, int grace_seconds);

/// Reads what the script printed. Errors: protocol.
[[nodiscard]] Result<StopProof> parse_stop_proof(std::string_view printed);

/// Runs the script on another channel of the session; with `sudo` as root, for which `password` is sent where
/// one was needed before.
[[nodiscard]] asio::awaitable<Result<StopProof>> stop_marked(ssh::Session& session, std::string mark,
                                                             bool sudo, std::string password, Limit limit);

}  // namespace ec2mpi::ops
