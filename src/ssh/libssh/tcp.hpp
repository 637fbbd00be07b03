#pragma once
/// A TCP connection with a deadline.

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "ec2mpi/ssh/transport.hpp"
#include "src/ssh/libssh/link.hpp"

namespace ec2mpi::ssh {

/// Resolves `host` if it is a name, then tries its addresses, each a quarter of a second behind the one
/// before it. Errors: unreachable, timeout, cancelled, local_io.
[[nodiscard]] awaitable<Result<Link::Socket>> connect_tcp(std::string host, std::uint16_t port, Limit limit,
                                                          const PhaseObserver& on_phase);

/// The first connection to one of a name's addresses. A dead address does not use up the limit of the others.
[[nodiscard]] awaitable<Result<asio::ip::tcp::socket>> connect_to_first(
    std::vector<asio::ip::tcp::endpoint> endpoints, Limit limit);

}  // namespace ec2mpi::ssh
