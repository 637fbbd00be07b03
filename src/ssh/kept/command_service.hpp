#pragma once
/// The daemon's end of one stream of frames: one command that holds a session, or one channel of it.

#include <functional>
#include <memory>

#include "ec2mpi/ssh/transport.hpp"
#include "src/ssh/kept/frame_socket.hpp"

namespace ec2mpi::ssh {

struct CommandServiceOptions {
  std::shared_ptr<Session> session;
  bool usable = true;                   ///< false: whoever comes shall go elsewhere
  std::function<void()> on_leave = {};  ///< somebody wishes that the daemon ends
};

/// Until the command has closed its end and what it wrote before has been passed on, or `stop`.
[[nodiscard]] awaitable<void> serve_command(FrameSocket::Socket socket, CommandServiceOptions options,
                                            std::stop_token stop);

}  // namespace ec2mpi::ssh
