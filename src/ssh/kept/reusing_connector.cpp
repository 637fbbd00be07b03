#include "ec2mpi/ssh/kept/reusing_connector.hpp"

#include <spdlog/spdlog.h>

#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ssh/round_trip.hpp"
#include "src/ssh/kept/kept_session.hpp"
#include "src/ssh/kept/socket_folder.hpp"

namespace ec2mpi::ssh {

namespace {

/// Lives as long as a caller has the session.
using Sign = std::shared_ptr<const bool>;

/// A session, kept or new, with its sign. A new one may also stand in to_keep.
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

class ReusingConnector : public Connector {
 public:
  ReusingConnector(std::unique_ptr<NamingConnector> connector, ReuseOptions options)
      : connector_(std::move(connector)), options_(std::move(options)) {
    if (!options_.use) return;
    // Without such a folder, or with one that is open to others, all connections are new.
    auto folder = SocketFolder::find(options_.folder);
    if (!folder) spdlog::warn("kept connections are not used: {}", folder.error().message);
    if (folder && *folder) folder_ = std::make_shared<const SocketFolder>(std::move(**folder));
  }

  awaitable<Result<std::unique_ptr<Session>>> connect(const Node& node, Limit limit,
                                                      PhaseObserver on_phase) override {
    CO_TRY_AS(name, connector_->name_of(node));
    auto& known = in_use_[*name];
    // The kept session has one user at a time; a second one by this name is new and not kept.
    const bool first = known.expired();
    const Sign sign = first ? std::make_shared<const bool>(true) : nullptr;
    if (first) known = sign;
    if (first && folder_) {
      on_phase(Phase::connecting);
      auto connect_new_session = [this, node, name = *name](Limit patience) {
        return connect_again(node, name, patience);
      };
      auto kept = co_await find_kept_session(folder_, *name, limit, std::move(connect_new_session));
      if (kept) {
        spdlog::debug("{}: uses the connection that is kept", node.label());
        co_return std::make_unique<LentSession>(std::move(kept), sign);
      }
    }
    CO_TRY_AS(session, co_await connect_new(node, *name, limit, std::move(on_phase), first));
    co_return std::make_unique<LentSession>(std::move(*session), sign);
  }

 private:
  awaitable<Result<std::shared_ptr<Session>>> connect_new(Node node, std::string name, Limit limit,
                                                          PhaseObserver on_phase, bool keep) {
    CO_TRY_AS(session, co_await connector_->connect(node, limit, std::move(on_phase)));
    std::shared_ptr<Session> shared = std::move(*session);
    // Shared from the beginning: the daemon takes the session over after the command.
    if (keep && options_.to_keep) options_.to_keep->insert_or_assign(std::move(name), shared);
    co_return shared;
  }

  /// For a kept session that turned out to be dead.
  awaitable<Result<std::unique_ptr<Session>>> connect_again(Node node, std::string name, Limit limit) {
    spdlog::debug("{}: the connection that was kept is dead", node.label());
    const PhaseObserver no_matter = [](Phase) {};
    CO_TRY_AS(session, co_await connect_new(std::move(node), std::move(name), limit, no_matter, true));
    // Without a sign, for the session that it replaces still has it.
    co_return std::make_unique<LentSession>(std::move(*session), nullptr);
  }

  std::unique_ptr<NamingConnector> connector_;
  ReuseOptions options_;
  std::shared_ptr<const SocketFolder> folder_;
  std::map<std::string, std::weak_ptr<const bool>> in_use_;
};

}  // namespace

std::unique_ptr<Connector> make_reusing_connector(std::unique_ptr<NamingConnector> connector,
                                                  ReuseOptions options) {
  return std::make_unique<ReusingConnector>(std::move(connector), std::move(options));
}

}  // namespace ec2mpi::ssh
