#pragma once
/// Further connections to a node, where one does not fill a long link: what sshd lets us send ahead is 2 MB a
/// connection, so one carries at most that much in each round trip.

#include "ec2mpi/fleet/fleet.hpp"

namespace ec2mpi::ops {

inline constexpr std::size_t kConnectionsToNode = 4;

/// `opened_in`: how long a channel took to open, which tells it where the round trip is not known.
[[nodiscard]] bool is_far(const ssh::Session& session, Clock::duration opened_in);

/// Made like the first one: the same host key is asked for, the same login.
[[nodiscard]] asio::awaitable<Result<std::unique_ptr<ssh::Session>>> further_session(const NodeRun& run,
                                                                                     Limit limit);

}  // namespace ec2mpi::ops
