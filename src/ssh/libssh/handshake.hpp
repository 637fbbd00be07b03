#pragma once
/// One connection on its way from a socket to an authenticated session.

#include <asio/awaitable.hpp>
#include <memory>
#include <optional>

#include "ec2mpi/ssh/host_keys.hpp"
#include "ec2mpi/ssh/transport.hpp"
#include "src/ssh/libssh/link.hpp"
#include "src/ssh/libssh/target.hpp"

namespace ec2mpi::ssh {

/// The login to a node, and the host keys to trust. The references live as long as the login.
struct LoginRequest {
  const Target& target;  ///< with its credentials
  const Node& node;
  HostKeys& host_keys;
  const PhaseObserver& on_phase;
  /// The time from a request to its answer over the jump host, if there is one.
  std::optional<Clock::duration> exchange = {};
};

/// Exchanges keys, verifies the host key, and only then authenticates. Errors: those of Connector::connect.
[[nodiscard]] awaitable<Result<std::shared_ptr<Link>>> log_in(Link::Socket socket, LoginRequest request,
                                                              Limit limit);

}  // namespace ec2mpi::ssh
