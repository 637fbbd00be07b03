#pragma once
/// Additional connections to a node, where one does not fill a long link: what sshd lets us send ahead is 2
/// MB a connection, so one carries at most that much in each round trip.

#include "ec2mpi/fleet/fleet.hpp"

namespace ec2mpi::ops {

inline constexpr std::size_t kConnectionsToNode = 4;

/// The way to the node takes long. To be asked when the session has started something.
[[nodiscard]] bool is_far(const ssh::Session& session);

/// Made like the first one: the same host key is asked for, the same login.
[[nodiscard]] asio::awaitable<Result<std::unique_ptr<ssh::Session>>> open_extra_session(const NodeRun& run,
                                                                                        Limit limit);

}  // namespace ec2mpi::ops
