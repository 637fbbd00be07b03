#include "ec2mpi/ssh/kept/keeping.hpp"

#include <spdlog/spdlog.h>

#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ssh/round_trip.hpp"
#include "src/ssh/kept/meeting_place.hpp"
#include "src/ssh/kept/warm_session.hpp"

namespace ec2mpi::ssh {

namespace {

/// Says by its life that somebody has a session.
using Sign = std::shared_ptr<const bool>;

/// A session, warm or new, with what the connector has to know of it. A new one may be one of the leavings.
class LentSession : public Session, public Timed {
 public:
  LentSession(std::shared_ptr<Session> session, Sign sign)
      : session_(std::move(session)), sign_(std::move(sign)) {}

  awaitable<Result<std::unique_ptr<Channel>>> start(Request request, Limit limit) override {
    return session_->start(std::move(request), std::move(limit));
  }
  awaitable<Result<std::unique_ptr<Channel>>> forward(std::string host, std::uint16_t port,
                                                      Limit limit) override {
    return session_->forward(std::move(host), port, std::move(limit));
  }
  std::optional<std::chrono::microseconds> round_trip() const override {
    const auto* timed = dynamic_cast<const Timed*>(session_.get());
    return timed != nullptr ? timed->round_trip() : std::nullopt;
  }

 private:
  std::shared_ptr<Session> session_;
  Sign sign_;
};

class KeepingConnector : public Connector {
 public:
  KeepingConnector(std::unique_ptr<NamingConnector> cold, KeepingOptions options)
      : cold_(std::move(cold)), options_(std::move(options)) {
    if (!options_.use) return;
    if (auto place = MeetingPlace::find(options_.folder))
      place_ = std::make_shared<const MeetingPlace>(std::move(*place));
  }

  awaitable<Result<std::unique_ptr<Session>>> connect(const Node& node, Limit limit,
                                                      PhaseObserver on_phase) override {
    CO_TRY_AS(name, cold_->name_of(node));
    auto& known = in_use_[*name];
    const bool first = known.expired();
    const Sign sign = first ? std::make_shared<const bool>(true) : nullptr;
    if (first) known = sign;
    if (first && place_) {
      on_phase(Phase::connecting);
      auto anew = [this, node, name = *name](Limit patience) { return connect_again(node, name, patience); };
      auto warm = co_await find_warm_session(place_, *name, limit, std::move(anew));
      if (warm) {
        spdlog::debug("{}: uses the connection that is kept", node.label());
        co_return std::make_unique<LentSession>(std::move(warm), sign);
      }
    }
    CO_TRY_AS(session, co_await connect_cold(node, *name, limit, std::move(on_phase), first));
    co_return std::make_unique<LentSession>(std::move(*session), sign);
  }

 private:
  awaitable<Result<std::shared_ptr<Session>>> connect_cold(Node node, std::string name, Limit limit,
                                                           PhaseObserver on_phase, bool keep) {
    CO_TRY_AS(session, co_await cold_->connect(node, limit, std::move(on_phase)));
    std::shared_ptr<Session> shared = std::move(*session);
    if (keep && options_.leavings) options_.leavings->insert_or_assign(std::move(name), shared);
    co_return shared;
  }

  /// For a warm session that turned out to be dead.
  awaitable<Result<std::unique_ptr<Session>>> connect_again(Node node, std::string name, Limit limit) {
    spdlog::debug("{}: the connection that was kept is dead", node.label());
    const PhaseObserver no_matter = [](Phase) {};
    CO_TRY_AS(session, co_await connect_cold(std::move(node), std::move(name), limit, no_matter, true));
    co_return std::make_unique<LentSession>(std::move(*session), nullptr);
  }

  std::unique_ptr<NamingConnector> cold_;
  KeepingOptions options_;
  std::shared_ptr<const MeetingPlace> place_;
  std::map<std::string, std::weak_ptr<const bool>> in_use_;
};

}  // namespace

std::unique_ptr<Connector> make_keeping_connector(std::unique_ptr<NamingConnector> cold,
                                                  KeepingOptions options) {
  return std::make_unique<KeepingConnector>(std::move(cold), std::move(options));
}

}  // namespace ec2mpi::ssh
