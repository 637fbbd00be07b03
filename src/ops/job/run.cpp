#include "ec2mpi/ops/job/run.hpp"

#include <algorithm>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/job/script.hpp"
#include "ec2mpi/ops/job/shell.hpp"
#include "ec2mpi/ops/node/facts.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"

namespace ec2mpi::ops {

namespace {

using std::chrono::seconds;

constexpr auto kStart = seconds(20);       ///< for the master to take the job's files
constexpr auto kGrace = seconds(20);       ///< for a master that should have ended a job by its time limit
constexpr auto kSweepAgain = seconds(18);  ///< where the master did not look, launchers included
constexpr auto kReconnect = seconds(6);

/// One job, from the first connection to the last look. Lives as long as run_job.
class JobRun : public Observer {
 public:
  JobRun(const asio::any_io_executor& executor, JobWish wish, JobNodes nodes, ssh::Connector& connector,
         FleetOptions options, JobObserver& observer, JobStops stops)
      : wish_(std::move(wish)),
        nodes_(std::move(nodes)),
        contacts_(nodes_.ranks),
        connector_(connector),
        options_(options),
        observer_(observer),
        stops_(std::move(stops)),
        changed_(executor) {
    const auto is_master = [this](const Node& node) { return node.index == nodes_.master.index; };
    if (std::none_of(contacts_.begin(), contacts_.end(), is_master))
      contacts_.insert(contacts_.begin(), nodes_.master);
  }

  asio::awaitable<JobEnd> run() {
    const FleetOptions flow{.connect_timeout = options_.connect_timeout};
    NodeTask task = [this](NodeRun turn) { return attend(turn); };
    auto report = co_await run_on_nodes(contacts_, connector_, std::move(task), flow, *this, stops_.stop);
    end_.asked = std::move(report);
    if (!lost_while_starting_.empty()) co_await find_again();
    if (end_.followed) co_await look_ourselves();
    co_return std::move(end_);
  }

 private:
  // --- asking all nodes
  // ------------------------------------------------------------------------------------------

  asio::awaitable<Result<ssh::ExitStatus>> attend(NodeRun turn) {
    const bool leads = turn.node.index == nodes_.master.index;
    std::unique_ptr<ssh::Channel> shell;
    if (leads) {
      ssh::Request request{.command = facts_and_shell_command(wish_.mpirun)};
      auto started =
          co_await start_program(turn.session, std::move(request), turn.limit, Environment::of_the_user);
      if (!started) co_return std::unexpected(started.error());
      shell = std::move(*started);
      // What is known already goes ahead: after a pause TCP sends 14 KB, and then waits for a round trip.
      const auto prelude = wish_.explain_only ? std::string() : job_prelude(wish_.id);
      CO_TRY_AS(written, co_await shell->write(prelude, turn.limit));
    }
    auto facts = Result<NodeFacts>{};
    if (leads)
      facts = co_await read_facts(*shell, turn.limit);
    else
      facts = co_await ask_facts(turn.session, turn.limit, wish_.mpirun);
    if (!facts) co_return std::unexpected(facts.error());
    if (nodes_.prepare && !wish_.explain_only) {
      CO_TRY_AS(prepared, co_await nodes_.prepare(turn));
    }
    facts_[turn.node.index] = std::move(*facts);
    changed_.notify_all();
    if (leads) co_await lead(turn.session, std::move(shell));
    co_return ssh::ExitStatus{};
  }

  /// A node that can't take part; called by the fleet.
  void on_finish(const NodeResult& result) override {
    if (facts_.contains(result.node.index)) return;
    const auto* error = std::get_if<Error>(&result.outcome);
    end_.unfit.push_back(
        {result.node, error != nullptr ? *error : Error{ErrorKind::cancelled, describe(result.outcome)}});
    changed_.notify_all();
  }

  // --- the master
  // ------------------------------------------------------------------------------------------------

  /// Continues only when all nodes have answered or failed, so that all failed nodes are named.
  asio::awaitable<void> lead(ssh::Session& session, std::unique_ptr<ssh::Channel> shell) {
    const Limit unlimited;
    while (facts_.size() + end_.unfit.size() < contacts_.size()) co_await changed_.wait(unlimited);
    if (!end_.unfit.empty()) co_return;
    auto plan = plan_job(wish_, nodes_.ranks, nodes_.master, facts_);
    if (!plan) {
      end_.refused = plan.error();
      co_return;
    }
    observer_.on_planned(*plan);
    if (wish_.explain_only) co_return;
    if (stops_.stop.stop_requested()) {
      end_.refused = Error{ErrorKind::cancelled, "interrupted"};
      co_return;
    }
    const auto nonce = make_nonce();
    const auto text =
        job_text(plan->files, wish_.script, stops_.at_once ? report_text(nonce) : follow_text(nonce, 0, 0));
    const auto limit = Limit{}.at_most(kStart);
    auto written = co_await shell->write(text, limit);
    if (!written) {
      lost_while_starting_ = written.error().message;
      co_return;
    }
    auto followed =
        co_await follow_started(follow_wish(), connector_, observer_, session, std::move(shell), nonce);
    if (stops_.at_once && followed.how == Followed::How::ended) followed.how = Followed::How::detached;
    end_.followed = std::move(followed);
  }

  [[nodiscard]] FollowWish follow_wish() const {
    return {.master = nodes_.master,
            .word = wish_.id,
            .stop = stops_.stop,
            .detach = stops_.detach,
            .connect_timeout = options_.connect_timeout,
            .patience = wish_.timeout.count() > 0 ? wish_.timeout + kGrace : Clock::duration{}};
  }

  /// The connection broke while the job was being handed over: it may have been.
  asio::awaitable<void> find_again() {
    auto followed = co_await follow_job(follow_wish(), connector_, observer_);
    if (followed.how == Followed::How::refused) {
      end_.refused =
          Error{ErrorKind::unreachable,
                "the connection to the master broke before the job was started: " + lost_while_starting_};
      co_return;
    }
    end_.followed = std::move(followed);
  }

  // --- afterwards
  // ------------------------------------------------------------------------------------------------

  [[nodiscard]] bool looked_at(const Node& node) const {
    return end_.followed->record.swept.contains(node.label());
  }

  /// Where the master did not look; all nodes if the master is lost.
  asio::awaitable<void> look_ourselves() {
    const auto how = end_.followed->how;
    if (how == Followed::How::detached || how == Followed::How::refused) co_return;
    const bool wanted = end_.followed->stopped || wish_.timeout.count() > 0;
    if (how == Followed::How::gave_up && !wanted) co_return;  // it may run on, as far as we know
    std::vector<Node> rest;
    for (const auto& node : contacts_) {
      if (!looked_at(node)) rest.push_back(node);
    }
    if (rest.empty()) co_return;
    if (how == Followed::How::gave_up && !end_.followed->stopped) end_.followed->stopped = JobStop::timed_out;
    const FleetOptions flow{.connect_timeout = kReconnect, .whole_timeout = kSweepAgain};
    Observer nobody;
    auto task = sweep_task(wish_.id, nodes_.master.index, end_.swept);
    const auto report =
        co_await run_on_nodes(std::move(rest), connector_, std::move(task), flow, nobody, stops_.detach);
    for (const auto& result : report.results) {
      if (const auto* error = std::get_if<Error>(&result.outcome))
        end_.not_swept.push_back({result.node, *error});
    }
  }

  JobWish wish_;
  JobNodes nodes_;
  std::vector<Node> contacts_;  ///< all nodes that we talk to
  ssh::Connector& connector_;
  FleetOptions options_;
  JobObserver& observer_;
  JobStops stops_;
  Event changed_;  ///< notified when a node has answered or failed
  std::map<int, NodeFacts> facts_;
  std::string lost_while_starting_;
  JobEnd end_;
};

asio::awaitable<JobEnd> conduct(std::unique_ptr<JobRun> run) {
  auto end = co_await run->run();
  co_return end;
}

}  // namespace

asio::awaitable<JobEnd> run_job(const asio::any_io_executor& executor, JobWish wish, JobNodes nodes,
                                ssh::Connector& connector, FleetOptions options, JobObserver& observer,
                                JobStops stops) {
  return conduct(std::make_unique<JobRun>(executor, std::move(wish), std::move(nodes), connector, options,
                                          observer, std::move(stops)));
}

int exit_code_for(const Followed& followed) {
  switch (followed.how) {
    case Followed::How::ended:
      return followed.record.exit_code();
    case Followed::How::detached:
      return exit_code::ok;
    case Followed::How::refused:
      return followed.refusal.shell_code();
    case Followed::How::gave_up:
      break;
  }
  if (!followed.stopped) return exit_code::no_connection;
  return *followed.stopped == JobStop::interrupted ? exit_code::interrupted : exit_code::timed_out;
}

int exit_code_for(const JobEnd& end) {
  if (end.followed) return exit_code_for(*end.followed);
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
