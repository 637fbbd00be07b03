#include "ec2mpi/ops/run.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/ops/facts.hpp"

namespace ec2mpi::ops {

namespace {

using std::chrono::seconds;

constexpr auto kStart = seconds(20);         ///< for the master to take the job's files and start
constexpr auto kEndLaunchers = seconds(11);  ///< eight seconds of patience on the node, and the way there
constexpr auto kLastOutput = seconds(2);     ///< for what the job says while it ends
constexpr auto kSweep = seconds(6);          ///< over the open connection
constexpr auto kSweepAgain = seconds(18);    ///< over a new one, launchers included
constexpr auto kReconnect = seconds(6);

/// Cleaning up must work although the user's stop has been requested already: its limits know only time.
Limit fresh(Clock::duration duration) {
  return Limit{}.at_most(duration);
}

/// One job, from the first connection to the last sweep. Lives as long as run_job.
class JobRun : public Observer {
 public:
  JobRun(const asio::any_io_executor& executor, JobWish wish, JobNodes nodes, ssh::Connector& connector,
         JobObserver& observer, std::stop_token stop)
      : executor_(executor),
        wish_(std::move(wish)),
        nodes_(std::move(nodes)),
        contacts_(nodes_.ranks),
        connector_(connector),
        observer_(observer),
        user_stop_(std::move(stop)),
        changed_(executor) {
    const auto is_master = [this](const Node& node) { return node.index == nodes_.master.index; };
    if (std::none_of(contacts_.begin(), contacts_.end(), is_master))
      contacts_.insert(contacts_.begin(), nodes_.master);
  }

  asio::awaitable<JobEnd> run(FleetOptions options) {
    const FleetOptions flow{.connect_timeout = options.connect_timeout};
    NodeTask task = [this](NodeRun turn) { return attend(turn); };
    const auto report =
        co_await run_on_nodes(contacts_, connector_, std::move(task), flow, *this, user_stop_);
    if (end_.launched) co_await sweep_the_rest();
    const Limit unlimited;
    while (reading_) co_await changed_.wait(unlimited);
    co_return std::move(end_);
  }

 private:
  enum class Stage { asking, asked, over };

  // --- one node
  // -----------------------------------------------------------------------------------------------------

  asio::awaitable<Result<ssh::ExitStatus>> attend(NodeRun turn) {
    auto facts = co_await ask_facts(turn.session, turn.limit);
    if (!facts) co_return std::unexpected(facts.error());
    facts_[turn.node.index] = std::move(*facts);
    heard();
    const Limit unlimited;
    while (stage_ == Stage::asking) co_await changed_.wait(unlimited);
    if (stage_ == Stage::asked && turn.node.index == nodes_.master.index) {
      co_await lead(turn.session);
      advance(Stage::over);
    }
    while (stage_ != Stage::over) co_await changed_.wait(unlimited);
    if (end_.launched) co_await sweep_here(turn);
    co_return ssh::ExitStatus{};
  }

  /// A node that can't take part; called by the fleet.
  void on_finish(const NodeResult& result) override {
    if (stage_ != Stage::asking) return;
    const auto* error = std::get_if<Error>(&result.outcome);
    end_.unfit.push_back(
        {result.node, error != nullptr ? *error : Error{ErrorKind::cancelled, describe(result.outcome)}});
    heard();
  }

  /// Once all nodes have answered or failed it goes on; not before, so that all that failed are named.
  void heard() {
    if (facts_.size() + end_.unfit.size() == contacts_.size())
      advance(end_.unfit.empty() ? Stage::asked : Stage::over);
  }

  void advance(Stage stage) {
    stage_ = stage;
    changed_.notify_all();
  }

  asio::awaitable<void> sweep_here(NodeRun& turn) {
    const auto limit = fresh(kSweep);
    auto swept = co_await sweep(turn.session, wish_.id, limit);
    if (swept) end_.swept[turn.node.index] = std::move(*swept);
  }

  // --- the master
  // ---------------------------------------------------------------------------------------------------

  asio::awaitable<void> lead(ssh::Session& session) {
    auto plan = plan_job(wish_, nodes_.ranks, nodes_.master, facts_);
    if (!plan) {
      end_.refused = plan.error();
      co_return;
    }
    observer_.on_planned(*plan);
    if (wish_.explain_only) co_return;
    if (user_stop_.stop_requested()) {
      end_.refused = Error{ErrorKind::cancelled, "interrupted"};
      co_return;
    }
    end_.launched = true;
    auto started = co_await start(session, std::move(plan->shell_text));
    if (!started) {
      end_.status = std::unexpected(started.error().within("starting the job"));
      co_return;
    }
    reading_ = true;
    asio::co_spawn(executor_, read_output(), asio::detached);
    co_await watch(session);
  }

  asio::awaitable<Result<void>> start(ssh::Session& session, std::string shell_text) {
    const auto limit = fresh(kStart);
    ssh::Request request{.command = "exec sh -s"};
    auto channel = co_await session.start(std::move(request), limit);
    if (!channel) co_return std::unexpected(channel.error());
    channel_ = std::move(*channel);
    auto written = co_await channel_->write(shell_text, limit);
    if (written) channel_->close_input();
    co_return written;
  }

  /// Reads on while the job is being ended: what it says last is worth seeing.
  asio::awaitable<void> read_output() {
    const Limit limit{.deadline = Clock::time_point::max(), .stop = abandon_.get_token()};
    for (;;) {
      auto chunk = co_await channel_->read(limit);
      if (!chunk)
        end_.status = std::unexpected(chunk.error());
      else if (!*chunk)
        end_.status = channel_->exit_status();
      if (!chunk || !*chunk) break;
      observer_.on_output(**chunk);
      co_await observer_.ready(limit);
    }
    reading_ = false;
    changed_.notify_all();
  }

  /// Waits for the job's end, or ends it.
  asio::awaitable<void> watch(ssh::Session& session) {
    const Limit job = Limit{.deadline = Clock::time_point::max(), .stop = user_stop_}.at_most(wish_.timeout);
    Wake wake = Wake::notified;
    while (reading_ && wake == Wake::notified) wake = co_await changed_.wait(job);
    if (!reading_) co_return;
    end_.stopped = wake == Wake::stopped ? JobStop::interrupted : JobStop::timed_out;
    observer_.on_stopping(*end_.stopped);
    const auto ending = fresh(kEndLaunchers);
    const auto ended = co_await end_launchers(session, wish_.id, ending);
    const auto last = fresh(kLastOutput);
    wake = Wake::notified;
    while (reading_ && ended && wake == Wake::notified) wake = co_await changed_.wait(last);
    abandon_.request_stop();
  }

  // --- afterwards
  // ---------------------------------------------------------------------------------------------------

  /// Nodes that could not be swept over the connection that they had.
  asio::awaitable<void> sweep_the_rest() {
    std::vector<Node> rest;
    for (const auto& node : contacts_) {
      if (!end_.swept.contains(node.index)) rest.push_back(node);
    }
    if (rest.empty()) co_return;
    const FleetOptions flow{.connect_timeout = kReconnect, .whole_timeout = kSweepAgain};
    Observer nobody;
    const std::stop_source never;
    auto task = sweep_task(wish_.id, nodes_.master.index, end_.swept);
    const auto report =
        co_await run_on_nodes(std::move(rest), connector_, std::move(task), flow, nobody, never.get_token());
    for (const auto& result : report.results) {
      if (const auto* error = std::get_if<Error>(&result.outcome))
        end_.not_swept.push_back({result.node, *error});
    }
  }

  asio::any_io_executor executor_;
  JobWish wish_;
  JobNodes nodes_;
  std::vector<Node> contacts_;  ///< all nodes that we talk to
  ssh::Connector& connector_;
  JobObserver& observer_;
  std::stop_token user_stop_;
  std::stop_source abandon_;  ///< ends the reading of a job that can't be ended
  Event changed_;             ///< notified when stage_ or reading_ changes
  Stage stage_ = Stage::asking;
  bool reading_ = false;
  std::map<int, Facts> facts_;
  std::unique_ptr<ssh::Channel> channel_;  ///< the job's
  JobEnd end_;
};

asio::awaitable<JobEnd> conduct(std::unique_ptr<JobRun> run, FleetOptions options) {
  auto end = co_await run->run(options);
  co_return end;
}

}  // namespace

asio::awaitable<JobEnd> run_job(const asio::any_io_executor& executor, JobWish wish, JobNodes nodes,
                                ssh::Connector& connector, FleetOptions options, JobObserver& observer,
                                std::stop_token stop) {
  return conduct(std::make_unique<JobRun>(executor, std::move(wish), std::move(nodes), connector, observer,
                                          std::move(stop)),
                 options);
}

int exit_code_for(const JobEnd& end) {
  if (end.stopped)
    return *end.stopped == JobStop::interrupted ? exit_code::interrupted : exit_code::timed_out;
  if (end.launched) return end.status ? end.status->shell_code() : exit_code::no_connection;
  const auto cancelled = [](const NodeTrouble& trouble) {
    return trouble.error.kind == ErrorKind::cancelled;
  };
  if (std::any_of(end.unfit.begin(), end.unfit.end(), cancelled)) return exit_code::interrupted;
  if (!end.unfit.empty()) return exit_code::node_failed;
  if (!end.refused) return exit_code::ok;
  if (end.refused->kind == ErrorKind::cancelled) return exit_code::interrupted;
  return end.refused->kind == ErrorKind::usage ? exit_code::not_started : exit_code::node_failed;
}

}  // namespace ec2mpi::ops
