#pragma once
#include <functional>
#include <memory>

#include "ec2mpi/ssh/transport.hpp"
#include "src/ssh/libssh/link.hpp"

namespace ec2mpi::ssh {

/// Makes one more session to the same node.
using ConnectAgain = std::function<awaitable<Result<std::unique_ptr<Session>>>(Limit)>;

/// A session over an authenticated link. Where sshd refuses a program beside those that run already
/// (MaxSessions may be 1), the program starts over another connection, if there is a `connect_again`.
[[nodiscard]] std::unique_ptr<Session> make_libssh_session(std::shared_ptr<Link> link,
                                                           ConnectAgain connect_again = {});

}  // namespace ec2mpi::ssh
