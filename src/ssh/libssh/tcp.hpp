#pragma once
/// A TCP connection with a deadline.

#include <asio/awaitable.hpp>
#include <cstdint>
#include <string>

#include "ec2mpi/ssh/transport.hpp"
#include "src/ssh/libssh/link.hpp"

namespace ec2mpi::ssh {

/// Resolves `host` if it is a name, then tries its addresses in order. Errors: unreachable, timeout,
/// cancelled.
[[nodiscard]] awaitable<Result<Link::Socket>> connect_tcp(std::string host, std::uint16_t port, Limit limit,
                                                          const PhaseObserver& on_phase);

}  // namespace ec2mpi::ssh
