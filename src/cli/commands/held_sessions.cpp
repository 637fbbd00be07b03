#include "src/cli/commands/held_sessions.hpp"

#include "ec2mpi/base/try.hpp"
#include "src/cli/commands/run_fleet.hpp"

namespace ec2mpi::cli {

namespace {

/// run_on_nodes owns the session that it gets, and closes it after the task. It gets this one, so
/// that the held session stays open.
class BorrowedSession : public ssh::Session {
 public:
  explicit BorrowedSession(std::shared_ptr<ssh::Session> session) : session_(std::move(session)) {}

  asio::awaitable<Result<std::unique_ptr<ssh::Channel>>> start(ssh::Request request, Limit limit) override {
    return session_->start(std::move(request), std::move(limit));
  }
  asio::awaitable<Result<std::unique_ptr<ssh::Channel>>> forward(std::string host, std::uint16_t port,
                                                                 Limit limit) override {
    return session_->forward(std::move(host), port, std::move(limit));
  }

 private:
  std::shared_ptr<ssh::Session> session_;
};

/// To be connected is the whole task.
asio::awaitable<Result<ssh::ExitStatus>> do_nothing(NodeRun) {
  co_return ssh::ExitStatus{};
}

}  // namespace

asio::awaitable<Result<std::unique_ptr<ssh::Session>>> HeldSessions::connect(const Node& node, Limit limit,
                                                                             ssh::PhaseObserver on_phase) {
  const int index = node.index;
  if (!held_.contains(index)) {
    CO_TRY_AS(session, co_await connector_.connect(node, limit, std::move(on_phase)));
    held_[index] = std::move(*session);
  }
  co_return std::make_unique<BorrowedSession>(held_[index]);
}

asio::awaitable<FleetReport> connect_all(CommandContext& context, HeldSessions& sessions) {
  FleetCommand command{.style = {.quiet = true, .doing = "connecting"},
                       .steps = [&sessions](CommandContext& of_command, FleetView& view) {
                         return run_on_nodes(of_command.cluster.nodes, do_nothing,
                                             {sessions, of_command.flow, view, of_command.runtime.stop()});
                       }};
  return run_fleet(context, std::move(command));
}

}  // namespace ec2mpi::cli
