#include "ec2mpi/ops/node/extra_session.hpp"

#include "ec2mpi/ssh/round_trip.hpp"

namespace ec2mpi::ops {

namespace {
constexpr auto kLongRoundTrip = std::chrono::milliseconds(20);
}

/// A session whose round trips nobody timed counts as near.
bool is_far(const ssh::Session& session) {
  const auto* timed = dynamic_cast<const ssh::Timed*>(&session);
  const auto known = timed != nullptr ? timed->round_trip() : std::nullopt;
  return known && *known >= kLongRoundTrip;
}

asio::awaitable<Result<std::unique_ptr<ssh::Session>>> open_extra_session(const NodeRun& run, Limit limit) {
  const auto no_matter = [](ssh::Phase) {};
  auto session = co_await run.connector.connect(run.node, limit, no_matter);
  co_return session;
}

}  // namespace ec2mpi::ops
