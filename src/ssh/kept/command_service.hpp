#pragma once
/// The daemon's end of one stream of frames: one command that holds a session, or one channel of it.

#include <functional>
#include <memory>

#include "ec2mpi/ssh/transport.hpp"
#include "src/ssh/kept/frame_socket.hpp"

namespace ec2mpi::ssh {

struct CommandServiceOptions {
  std::shared_ptr<Session> session;
  bool usable = true;                   ///< false: the command must connect by itself
  std::function<void()> on_leave = {};  ///< called if a command asks the daemon to end
};

/// Returns when the command has closed its end and all its input has been forwarded, or on `stop`.
[[nodiscard]] awaitable<void> serve_command(FrameSocket::Socket socket, CommandServiceOptions options,
                                            std::stop_token stop);

}  // namespace ec2mpi::ssh
