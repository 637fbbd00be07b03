#include "ec2mpi/fleet/fleet.hpp"

#include <fmt/format.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/this_coro.hpp>
#include <memory>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"

namespace ec2mpi {

namespace {

constexpr auto kRetryPause = std::chrono::milliseconds(500);

/// One command over all nodes, from the first connection to the last result. The nodes' coroutines own it,
/// too, and with it the task's state: a loop that is dropped destroys the coroutines in any order.
class Fleet : public std::enable_shared_from_this<Fleet> {
 public:
  Fleet(const asio::any_io_executor& executor, std::vector<Node> nodes, NodeTask task, FleetContext context)
      : executor_(executor),
        connector_(context.connector),
        task_(std::move(task)),
        options_(context.options),
        observer_(context.observer),
        work_(executor, options_.fanout == 0 ? nodes.size() : options_.fanout),
        handshakes_(executor, options_.handshakes),
        finished_(executor),
        user_stop_(std::move(context.stop)),
        limit_(
            Limit{.deadline = Clock::time_point::max(), .stop = user_stop_}.at_most(options_.whole_timeout)),
        pending_(nodes.size()) {
    // Each node has a result from the start, so an early end leaves no node out.
    for (auto& node : nodes) report_.results.push_back({std::move(node), NotRun{"stopped before its turn"}});
  }

  asio::awaitable<FleetReport> run() {
    // The references stay valid: nothing is added to the results from now on.
    for (auto& result : report_.results)
      asio::co_spawn(executor_, attend(shared_from_this(), result), asio::detached);
    // No limit here: each node ends by limit_, and the report needs all of them.
    const Limit unlimited;
    while (pending_ > 0) co_await finished_.wait(unlimited);
    // If both came, Ctrl-C decides the exit code.
    if (user_stop_.stop_requested())
      report_.ending = Ending::interrupted;
    else if (Clock::now() >= limit_.deadline)
      report_.ending = Ending::timed_out;
    co_return std::move(report_);
  }

 private:
  static asio::awaitable<void> attend(std::shared_ptr<Fleet> self, NodeResult& result) {
    co_await self->work_on(result);
  }

  /// A node's whole life; never throws, always leaves a result.
  asio::awaitable<void> work_on(NodeResult& result) {
    auto place = co_await work_.enter(limit_);
    if (!place) {
      result.outcome = NotRun{not_run_reason()};
    } else if (fail_fast_.stop_requested()) {
      result.outcome = NotRun{"another node failed first"};
    } else {
      const auto start = Clock::now();
      auto status = co_await connect_and_work(result);
      result.elapsed = Clock::now() - start;
      if (status)
        result.outcome = *status;
      else
        result.outcome = status.error();
      // Not part of limit_: nodes that are at work finish it.
      if (options_.fail_fast && !succeeded(result.outcome)) fail_fast_.request_stop();
    }
    // Also for a node that did not run: the views count all of them.
    observer_.on_finish(result);
    if (--pending_ == 0) finished_.notify_all();
  }

  asio::awaitable<Result<ssh::ExitStatus>> connect_and_work(NodeResult& result) {
    const Node& node = result.node;
    const auto on_phase = [this, &result](ssh::Phase phase) {
      result.reached = phase;
      observer_.on_phase(result.node, phase);
    };
    CO_TRY_AS(session, co_await connect(node, on_phase));
    on_phase(ssh::Phase::running);
    // The task's time begins here: a slow login does not shorten it.
    const auto limit = limit_.at_most(options_.task_timeout);
    NodeRun turn{node, **session, limit, observer_, connector_};
    auto status = co_await task_(std::move(turn));
    // A task also sets shorter limits, for a single answer.
    const bool is_over =
        !status && status.error().kind == ErrorKind::timeout && Clock::now() >= limit.deadline;
    if (is_over) co_return fail(ErrorKind::timeout, "time limit reached; " + status.error().message);
    co_return status;
  }

  asio::awaitable<Result<std::unique_ptr<ssh::Session>>> connect(const Node& node,
                                                                 ssh::PhaseObserver on_phase) {
    for (std::size_t attempt = 0;; ++attempt) {
      auto session = co_await connect_once(node, on_phase);
      if (session || attempt == options_.retries || !worth_repeating(session.error())) co_return session;
      const auto pause = kRetryPause * static_cast<int>(attempt + 1) + kRetryPause * (node.index % 8) / 8;
      co_await sleep_for(pause, limit_);  // not all nodes at the same moment
    }
  }

  asio::awaitable<Result<std::unique_ptr<ssh::Session>>> connect_once(const Node& node,
                                                                      ssh::PhaseObserver on_phase) {
    // The place is held until the login is done, not during the task.
    CO_TRY_AS(turn, co_await handshakes_.enter(limit_));
    // The time begins when the node has its place, not while it waits for one.
    const Limit limit = limit_.at_most(options_.connect_timeout);
    auto session = co_await connector_.connect(node, limit, std::move(on_phase));
    co_return session;
  }

  /// A lost packet may pass; a refused key or another host key stays as it is.
  [[nodiscard]] bool worth_repeating(const Error& error) const {
    const bool may_pass = error.kind == ErrorKind::unreachable || error.kind == ErrorKind::timeout;
    return may_pass && !limit_.stop.stop_requested() && Clock::now() < limit_.deadline;
  }

  [[nodiscard]] std::string not_run_reason() const {
    return user_stop_.stop_requested() ? "interrupted" : "the time limit came first";
  }

  asio::any_io_executor executor_;
  ssh::Connector& connector_;
  NodeTask task_;
  FleetOptions options_;
  Observer& observer_;
  Gate work_;
  Gate handshakes_;
  Event finished_;
  std::stop_token user_stop_;
  std::stop_source fail_fast_;
  Limit limit_;
  std::size_t pending_;
  FleetReport report_;
};

}  // namespace

asio::awaitable<FleetReport> run_on_nodes(std::vector<Node> nodes, NodeTask task, FleetContext context) {
  if (nodes.empty()) co_return FleetReport{};
  const auto executor = co_await asio::this_coro::executor;
  const auto fleet = std::make_shared<Fleet>(executor, std::move(nodes), std::move(task), std::move(context));
  auto report = co_await fleet->run();
  co_return report;
}

}  // namespace ec2mpi
