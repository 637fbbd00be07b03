#pragma once
/// Nodes behind a jump host: a channel of the bastion's session made to look like a socket.

#include <memory>

#include "ec2mpi/ssh/transport.hpp"
#include "src/ssh/libssh/link.hpp"

namespace ec2mpi::ssh {

/// One end of a socket pair whose other end is carried to host:port by the bastion. The carriers end when
/// either side closes; they keep the bastion's session alive until then.
[[nodiscard]] awaitable<Result<Link::Socket>> open_tunnel(std::shared_ptr<Session> bastion, std::string host,
                                                          std::uint16_t port, Limit limit);

}  // namespace ec2mpi::ssh
