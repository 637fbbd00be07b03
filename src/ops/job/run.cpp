#include "ec2mpi/ops/job/run.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/job/script.hpp"
#include "ec2mpi/ops/job/shell.hpp"
#include "ec2mpi/ops/node/facts.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"

namespace ec2mpi::ops {

namespace {

using std::chrono::seconds;

constexpr auto kStart = seconds(20);       ///< for the master to take the job's files
constexpr auto kGrace = seconds(20);       ///< for a master that should have ended a job by its time limit
constexpr auto kSweepAgain = seconds(18);  ///< where the master did not look, launchers included
/// For a new connection to a node where only the job's processes are looked for.
constexpr auto kReconnect = seconds(6);

/// One job, from the first connection to the last look. Lives as long as run_job.
class JobRun : public Observer {
 public:
  JobRun(const asio::any_io_executor& executor, JobSpec job, JobNodes nodes, JobContext context,
         InputSource* input)
      : job_(std::move(job)),
        nodes_(std::move(nodes)),
        contacts_(nodes_.contacts()),
        connector_(context.connector),
        connect_timeout_(context.options.connect_timeout),
        observer_(context.observer),
        stops_(std::move(context.stop)),
        input_(input),
        changed_(executor) {}

  /// Ask all nodes, start and follow the job on the master, then look where the master could not.
  asio::awaitable<JobEnd> run() {
    NodeTask task = [this](NodeRun turn) { return attend(turn); };
    FleetContext context{connector_, {.connect_timeout = connect_timeout_}, *this, stops_.stop};
    auto report = co_await run_on_nodes(contacts_, std::move(task), std::move(context));
    end_.asked = std::move(report);
    if (!lost_while_starting_.empty()) co_await find_again();
    if (end_.followed) co_await look_ourselves();
    co_return std::move(end_);
  }

 private:
  [[nodiscard]] bool only_plan() const { return stops_.until == Until::planned; }

  // --- asking all nodes ---

  /// One node: its facts, and the push of the job's files. The master's part continues in lead().
  asio::awaitable<Result<ssh::ExitStatus>> attend(NodeRun turn) {
    const bool leads = turn.node.index == nodes_.master.index;
    std::unique_ptr<ProgramChannel> shell;
    if (leads) {
      ssh::Request request{.command = facts_and_shell_command(job_.mpirun)};
      auto started =
          co_await start_program(turn.session, std::move(request), turn.limit, Environment::of_the_user);
      if (!started) co_return std::unexpected(started.error());
      shell = std::move(*started);
      // The part that is known already is sent first: after a pause TCP sends 14 KB, and then waits for a
      // round trip.
      const auto prelude = only_plan() ? busy_text() : job_prelude();
      CO_TRY_AS(written, co_await shell->write(prelude, turn.limit));
    }
    auto facts = Result<NodeFacts>{};
    if (leads)
      facts = co_await read_facts_and_busy(*shell, turn.limit);
    else
      facts = co_await ask_facts(turn.session, turn.limit, job_.mpirun);
    if (!facts) co_return std::unexpected(facts.error());
    if (nodes_.prepare && !only_plan()) {
      CO_TRY_AS(prepared, co_await nodes_.prepare(turn));
    }
    // After `prepare`: when all nodes have their facts, the job may start.
    facts_[turn.node.index] = std::move(*facts);
    changed_.notify_all();
    if (leads) co_await lead(turn.session, std::move(shell));
    co_return ssh::ExitStatus{};
  }

  /// The master's answer has two parts; the second one says which nodes have other jobs.
  asio::awaitable<Result<NodeFacts>> read_facts_and_busy(ssh::Channel& shell, Limit limit) {
    CO_TRY_AS(answer, co_await read_facts(shell, kBusyEnd, limit));
    busy_ = parse_busy(answer->behind);
    co_return std::move(answer->facts);
  }

  /// A node that can't take part; called by the fleet.
  void on_finish(const NodeResult& result) override {
    // This node was fit; the follower reports its later failures.
    if (facts_.contains(result.node.index)) return;
    end_.unfit.push_back(trouble_of(result));
    changed_.notify_all();
  }

  // --- the master ---

  /// Continues only when all nodes have answered or failed, so that all failed nodes are named.
  asio::awaitable<void> lead(ssh::Session& session, std::unique_ptr<ProgramChannel> shell) {
    const Limit unlimited;
    while (facts_.size() + end_.unfit.size() < contacts_.size()) co_await changed_.wait(unlimited);
    if (!end_.unfit.empty()) co_return;
    auto plan = plan_job(job_, nodes_.ranks, nodes_.master, facts_, busy_);
    if (!plan) {
      end_.refused = plan.error();
      co_return;
    }
    if (only_plan()) {
      co_await check_on_master(*shell, *plan);
      co_return;
    }
    observer_.on_planned(*plan);
    if (stops_.stop.stop_requested()) {
      end_.refused = Error{ErrorKind::cancelled, "interrupted"};
      co_return;
    }
    if (input_ != nullptr) plan->files.input = input_->is_typed() ? JobInput::typed : JobInput::read;
    const auto nonce = make_nonce();
    const auto text = job_text(
        plan->files, stops_.until == Until::handed_over ? report_text(nonce) : follow_text(nonce, 0, 0));
    // Without the user's stop: after half a text, nobody would know whether the job has started.
    const auto limit = Limit{}.at_most(kStart);
    auto written = co_await shell->write(text, limit);
    if (!written) {
      lost_while_starting_ = written.error().message;
      co_return;
    }
    if (input_ != nullptr) begin_input(session);
    StartedFollower started{session, std::move(shell), nonce};
    auto followed = co_await follow_started(follow_request(), connector_, observer_, std::move(started));
    input_over_.request_stop();
    while (sends_input_) co_await changed_.wait(unlimited);
    // A refusal over the connection that took the job's files is the master's own; over a later one it means
    // that there is no such job.
    if (followed.how == Followed::How::refused && followed.error && !followed.found) {
      end_.refused = never_started(followed.error->message);
      co_return;
    }
    if (stops_.until == Until::handed_over && followed.how == Followed::How::ended)
      followed.how = Followed::How::detached;
    end_.followed = std::move(followed);
  }

  /// The plan counts if the master would take the job. What a push would change there is not known before it.
  asio::awaitable<void> check_on_master(ProgramChannel& shell, const JobPlan& plan) {
    if (!nodes_.prepare) {
      const Limit limit = Limit{.deadline = Clock::time_point::max(), .stop = stops_.stop}.at_most(kStart);
      const auto status = co_await ask_for_refusal(shell, job_check_text(plan.files), limit);
      if (!status) {
        end_.refused = status.error().within(nodes_.master.label());
        co_return;
      }
      if (status->code != 0) {
        end_.followed.emplace();
        end_.followed->how = Followed::How::refused;
        end_.followed->refusal = *status;
        co_return;
      }
    }
    observer_.on_planned(plan);
  }

  /// The master's own words are for the user.
  asio::awaitable<Result<ssh::ExitStatus>> ask_for_refusal(ProgramChannel& shell, std::string text,
                                                           Limit limit) {
    CO_TRY(co_await shell.write(text, limit));
    auto show = [this](const ssh::Chunk& chunk) { observer_.on_output(chunk); };
    auto status = co_await read_to_end(shell, limit, std::move(show), *this);
    co_return status;
  }

  /// Over a separate channel, so that a job that does not read holds up nothing else.
  void begin_input(ssh::Session& session) {
    sends_input_ = true;
    asio::co_spawn(changed_.executor(), send_input(session), [this](std::exception_ptr thrown) {
      sends_input_ = false;
      changed_.notify_all();
      if (thrown) std::rethrow_exception(thrown);
    });
  }

  /// Until the input ends, the job ends, or the connection breaks; an error here is none of the job.
  asio::awaitable<void> send_input(ssh::Session& session) {
    const Limit limit{.deadline = Clock::time_point::max(), .stop = input_over_.get_token()};
    ssh::Request request{.command = feed_text(job_.id)};
    auto channel = co_await start_program(session, std::move(request), limit);
    if (!channel) co_return;
    // Before this word the job's folder may not be there yet; without it the job reads nothing any more.
    const auto begun = co_await (*channel)->read(limit);
    if (!begun || !*begun) co_return;
    for (;;) {
      const auto bytes = co_await input_->read(limit);
      if (bytes && !*bytes && !input_->is_typed()) co_await declare_input_whole(session, limit);
      if (!bytes || !*bytes) break;
      const auto written = co_await (*channel)->write(**bytes, limit);
      if (!written) break;
    }
    (*channel)->close_input();
    for (;;) {  // closing the channel before its program has ended could cut its last bytes off
      const auto chunk = co_await (*channel)->read(limit);
      if (!chunk || !*chunk) break;
    }
  }

  /// Otherwise the job counts as one whose input was cut off. If this fails, so has the connection.
  asio::awaitable<void> declare_input_whole(ssh::Session& session, Limit limit) {
    [[maybe_unused]] const auto said = co_await capture(session, input_whole_text(job_.id), limit);
  }

  [[nodiscard]] FollowRequest follow_request() const {
    return {.master = nodes_.master,
            .word = job_.id,
            .stop = stops_.stop,
            .detach = stops_.detach,
            .connect_timeout = connect_timeout_,
            // A master that is silent for longer than the job may take is lost.
            .patience = job_.timeout.count() > 0 ? job_.timeout + kGrace : Clock::duration{}};
  }

  /// The connection broke while the job was being handed over: it may have been.
  asio::awaitable<void> find_again() {
    auto followed = co_await follow_job(follow_request(), connector_, observer_);
    if (followed.how == Followed::How::refused) {
      end_.refused = never_started(lost_while_starting_);
      co_return;
    }
    end_.followed = std::move(followed);
  }

  static Error never_started(const std::string& why) {
    return {ErrorKind::unreachable,
            fmt::format("the connection to the master broke before the job was started: {}", why)};
  }

  // --- afterwards ---

  /// The master's own look counts, whatever it found.
  [[nodiscard]] bool looked_at(const Node& node) const {
    return end_.followed->record.swept.contains(node.label());
  }

  /// Where the master did not look; all nodes if the master is lost.
  asio::awaitable<void> look_ourselves() {
    const auto how = end_.followed->how;
    if (how == Followed::How::detached || how == Followed::How::refused) co_return;
    const bool wanted = end_.followed->stopped || job_.timeout.count() > 0;
    if (how == Followed::How::gave_up && !wanted) co_return;  // it may run on, as far as we know
    if (how == Followed::How::ended && !end_.followed->record.is_over()) co_return;  // it does
    std::vector<Node> rest;
    for (const auto& node : contacts_) {
      if (!looked_at(node)) rest.push_back(node);
    }
    if (rest.empty()) co_return;
    if (how == Followed::How::gave_up && !end_.followed->stopped) end_.followed->stopped = JobStop::timed_out;
    Observer nobody;
    FleetContext context{
        connector_, {.connect_timeout = kReconnect, .whole_timeout = kSweepAgain}, nobody, stops_.detach};
    auto task = sweep_task(job_.id, nodes_.master.index, end_.swept);
    const auto report = co_await run_on_nodes(std::move(rest), std::move(task), std::move(context));
    for (const auto& result : report.results) {
      if (const auto* error = std::get_if<Error>(&result.outcome))
        end_.not_swept.push_back({result.node, *error});
    }
  }

  JobSpec job_;
  JobNodes nodes_;
  std::vector<Node> contacts_;  ///< all nodes that we talk to
  ssh::Connector& connector_;
  Clock::duration connect_timeout_;
  JobObserver& observer_;
  JobStops stops_;
  InputSource* input_;
  bool sends_input_ = false;
  std::stop_source input_over_;
  Event changed_;  ///< notified when a node has answered or failed
  std::map<int, NodeFacts> facts_;
  BusyNodes busy_;
  std::string lost_while_starting_;
  JobEnd end_;
};

}  // namespace

NodeTrouble trouble_of(const NodeResult& result) {
  const auto* error = std::get_if<Error>(&result.outcome);
  return {result.node, error != nullptr ? *error : Error{ErrorKind::cancelled, describe(result.outcome)}};
}

std::vector<Node> JobNodes::contacts() const {
  auto all = ranks;
  const auto is_master = [this](const Node& node) { return node.index == master.index; };
  if (std::ranges::none_of(ranks, is_master)) all.insert(all.begin(), master);
  return all;
}

asio::awaitable<JobEnd> run_job(JobSpec job, JobNodes nodes, JobContext context, InputSource* input) {
  JobRun run(co_await asio::this_coro::executor, std::move(job), std::move(nodes), std::move(context), input);
  auto end = co_await run.run();
  co_return end;
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
  if (end.unfit.empty() && !end.refused) return exit_code::ok;
  return refusal_exit_code(end.unfit, end.refused);
}

int refusal_exit_code(const std::vector<NodeTrouble>& unfit, const std::optional<Error>& refused) {
  const auto cancelled = [](const NodeTrouble& trouble) {
    return trouble.error.kind == ErrorKind::cancelled;
  };
  // Ctrl-C while the nodes were asked: no node is at fault.
  if (std::ranges::any_of(unfit, cancelled)) return exit_code::interrupted;
  if (!unfit.empty() || !refused) return exit_code::node_failed;
  if (refused->kind == ErrorKind::cancelled) return exit_code::interrupted;
  return refused->kind == ErrorKind::usage ? exit_code::not_started : exit_code::node_failed;
}

}  // namespace ec2mpi::ops
