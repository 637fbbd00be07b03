#include "ec2mpi/ops/series/series.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "ec2mpi/ops/job/reconnect_policy.hpp"
#include "ec2mpi/ops/job/script.hpp"
#include "ec2mpi/ops/node/facts.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "src/ops/series/master.hpp"

namespace ec2mpi::ops {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kHandOver = seconds(120);   ///< for it to take all of them
constexpr auto kCancelling = seconds(90);  ///< from the request to the end of all
constexpr Clock::duration kBetweenLooks = milliseconds(700);
/// Of refusals, in one message.
constexpr std::size_t kNamedReasons = 3;
/// A look at 10,000 jobs takes the master some seconds, so it gets twice that time for other work.
constexpr int kPauseForLook = 2;

/// The jobs that can't run: each reason once, behind the jobs that it holds for.
class Refusals {
 public:
  void add(const std::string& id, const Error& error) {
    const auto same = [&](const auto& known) { return known.first.message == error.message; };
    const auto known = std::ranges::find_if(reasons_, same);
    if (known != reasons_.end())
      known->second.push_back(id);
    else
      reasons_.push_back({error, {id}});
  }

  [[nodiscard]] bool empty() const { return reasons_.empty(); }

  /// The kind is that of the first reason, and decides the exit code.
  [[nodiscard]] Error error() const {
    std::string text;
    for (std::size_t i = 0; i < std::min(reasons_.size(), kNamedReasons); ++i)
      text +=
          fmt::format("{}{}: {}", i == 0 ? "" : "; ", some_of(reasons_[i].second), reasons_[i].first.message);
    if (reasons_.size() > kNamedReasons)
      text += fmt::format("; and {} more reasons", reasons_.size() - kNamedReasons);
    return {reasons_.front().first.kind, std::move(text)};
  }

 private:
  std::vector<std::pair<Error, std::vector<std::string>>> reasons_;
};

/// One series, from the first connection to the last look. Lives as long as run_series.
class SeriesRun : public Observer {
 public:
  SeriesRun(SeriesSpec series, JobNodes nodes, SeriesContext context)
      : series_(std::move(series)),
        nodes_(std::move(nodes)),
        connector_(context.connector),
        options_(context.options),
        observer_(context.observer),
        stops_(std::move(context.stop)),
        reconnect_(stops_.stop, stops_.detach),
        master_(nodes_.master, connector_, options_.connect_timeout) {}

  asio::awaitable<SeriesEnd> run() {
    bool there = false;
    // follow_series() gives no variants.
    if (series_.variants.empty())
      there = co_await find();
    else
      there = co_await submit();
    if (!there) co_return std::move(end_);
    if (only_plan())
      end_.how = SeriesEnd::How::detached;
    else if (stops_.until == Until::handed_over)
      co_await leave();
    else
      co_await follow();
    co_return std::move(end_);
  }

 private:
  /// Gives false, which the callers return: nothing else is done.
  bool refuse(Error error) {
    end_.how = SeriesEnd::How::refused;
    end_.refused = std::move(error);
    return false;
  }

  /// Of all runs of the series.
  asio::awaitable<Result<std::vector<SeriesRecord>>> earlier_jobs(std::stop_token stop) {
    const Limit limit{.deadline = Clock::time_point::max(), .stop = std::move(stop)};
    ReportRequest every{.series = series_.name, .all_runs = true};
    auto records = co_await master_.report(std::move(every), limit);
    if (!records) co_return std::unexpected(records.error().within(nodes_.master.label()));
    co_return records;
  }

  // --- finding it ---

  /// The newest run of the series by name. False: refused, and end_ has the reason; so also below.
  asio::awaitable<bool> find() {
    // As long as the jobs are not known there is nothing to cancel.
    auto records = co_await earlier_jobs(stops_.detach);
    if (!records) co_return refuse(records.error());
    decision_ = find_series(series_.name, *records);
    if (decision_.jobs.empty())
      co_return refuse({ErrorKind::usage, fmt::format("there is no series {}", printable(series_.name))});
    end_.series = decision_.series;
    for (const auto& job : decision_.jobs) {
      const auto is_it = [&](const auto& record) { return record.job.id == job.id; };
      end_.result.push_back(std::ranges::find_if(*records, is_it)->job);
    }
    observer_.on_handing_over(decision_.series);
    co_return true;
  }

  // --- handing it over ---

  /// Decides by the earlier jobs which variants are fresh, and hands those to the master.
  asio::awaitable<bool> submit() {
    auto records = co_await earlier_jobs(stops_.stop);
    if (!records) co_return refuse(records.error());
    // Before decide(), which compares the ranks with those of the earlier jobs.
    auto note = take_ranks_per_node(series_, *records);
    auto decided = decide(series_, *records);
    if (!decided) co_return refuse(decided.error());
    decision_ = std::move(*decided);
    if (!note.empty()) decision_.notes.push_back(std::move(note));
    if (!decision_.notes.empty()) observer_.on_notes(decision_.notes);
    end_.series = decision_.series;
    for (std::size_t i = 0; i < series_.variants.size(); ++i)
      end_.result.push_back({.id = decision_.jobs[i].id, .parameters = series_.variants[i].parameters});
    for (const auto& job : decision_.jobs) end_.fresh.push_back(job.submit);
    take(*records, false);
    const auto fresh = static_cast<std::size_t>(std::ranges::count(end_.fresh, true));
    if (fresh > 0) {
      const bool handed_over = co_await submit_fresh();
      if (!handed_over) co_return false;
    }
    if (!only_plan()) report_submitted(fresh);
    co_return true;
  }

  [[nodiscard]] bool only_plan() const { return stops_.until == Until::planned; }

  void report_submitted(std::size_t fresh) {
    std::size_t kept = 0;
    for (const auto& variant : end_.result) kept += variant.succeeded() ? 1 : 0;
    observer_.on_submitted(decision_.series, fresh, kept, decision_.jobs.size() - fresh - kept);
  }

  asio::awaitable<bool> submit_fresh() {
    const bool asked = co_await ask_nodes();
    if (!asked) co_return false;
    auto jobs = plan();
    if (!jobs) co_return refuse(jobs.error());
    if (only_plan()) {
      const bool accepted = co_await check_on_master(std::move(*jobs));
      co_return accepted;
    }
    // The last moment at which no job has to be cancelled on the master.
    if (stops_.stop.stop_requested()) co_return refuse({ErrorKind::cancelled, "interrupted"});
    observer_.on_handing_over(decision_.series);
    const auto patience =
        Limit{}.at_most(kHandOver);  // not ended by Ctrl-C: we must know whether it was taken
    auto text = series_text(*jobs);
    auto answer = co_await master_.ask(std::move(text), patience);
    if (!answer) {
      auto error = answer.error().within("handing the series to the master");
      error.message += "; whether it has taken the jobs, --resume will tell";
      co_return refuse(std::move(error));
    }
    co_return note_submitted(*answer);
  }

  /// The master refuses what it would refuse in the real run. What a push would change there is not known
  /// before it.
  asio::awaitable<bool> check_on_master(std::vector<JobFiles> jobs) {
    if (nodes_.prepare) co_return true;
    const auto patience = Limit{.deadline = Clock::time_point::max(), .stop = stops_.stop}.at_most(kHandOver);
    auto text = series_check_text(jobs);
    auto answer = co_await master_.ask(std::move(text), patience);
    if (!answer) co_return refuse(answer.error().within(nodes_.master.label()));
    co_return note_submitted(*answer);
  }

  /// Each job may get any of the nodes, so a single node that gives no facts refuses the series.
  asio::awaitable<bool> ask_nodes() {
    // The queue lies on the master, even if the master takes no ranks.
    auto contacts = nodes_.contacts();
    observer_.on_asking(contacts.size());
    NodeTask task = [this](NodeRun turn) { return ask_one(turn); };
    FleetContext context{connector_,
                         {.handshakes = options_.handshakes, .connect_timeout = options_.connect_timeout},
                         *this,
                         stops_.stop};
    const auto report = co_await run_on_nodes(std::move(contacts), std::move(task), std::move(context));
    for (const auto& result : report.results)
      if (!facts_.contains(result.node.index)) end_.unfit.push_back(trouble_of(result));
    co_return end_.unfit.empty();
  }

  asio::awaitable<Result<ssh::ExitStatus>> ask_one(NodeRun turn) {
    CO_TRY_AS(facts, co_await ask_facts(turn.session, turn.limit, series_.variants.front().job.mpirun));
    // The push of the job's files, over the same connection.
    if (nodes_.prepare && !only_plan()) {
      CO_TRY_AS(prepared, co_await nodes_.prepare(turn));
    }
    facts_[turn.node.index] = std::move(*facts);
    co_return ssh::ExitStatus{};
  }

  /// All that are to be submitted; if one of them can't be, none is.
  Result<std::vector<JobFiles>> plan() {
    std::vector<JobFiles> jobs;
    std::vector<std::string> notes;
    // The queue stops the jobs of one batch after equal failures; without a batch it stops none.
    const auto batch = series_.keep_going ? std::string() : random_hex(8);
    Refusals refusals;
    for (std::size_t i = 0; i < series_.variants.size(); ++i) {
      if (!decision_.jobs[i].submit) continue;
      auto& variant = series_.variants[i];
      variant.job.id = decision_.jobs[i].id;
      QueueFiles queue;
      queue.series = decision_.series;
      queue.place = static_cast<int>(i);
      queue.most = series_.most;
      queue.batch = batch;
      auto planned = plan_variant(variant, nodes_.ranks, nodes_.master, facts_, std::move(queue));
      if (!planned) {
        refusals.add(variant.job.id, planned.error());
        continue;
      }
      // Many jobs have the same notes, and each note is shown once.
      for (auto& note : planned->notes) {
        if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(std::move(note));
      }
      jobs.push_back(std::move(planned->files));
    }
    if (!refusals.empty()) return std::unexpected(refusals.error());
    if (!notes.empty()) observer_.on_notes(notes);
    return jobs;
  }

  /// "submitted ID" for each; the others are reported on standard error, in sentences.
  bool note_submitted(const Captured& answer) {
    std::vector<std::string> taken;
    for (const auto line : split(answer.out, '\n')) {
      if (line.starts_with("submitted ")) taken.emplace_back(line.substr(10));
    }
    // The code with which the master refuses what the user can only type in another way.
    const bool mistyped = answer.out.find("refused 2\n") != std::string::npos;
    // The first line on standard error is the reason for all jobs that the master refused.
    auto first = split(trim(answer.err), '\n').front();
    if (first.starts_with("ec2mpi: ")) first.remove_prefix(8);
    const auto why = printable(first);
    std::size_t refused = 0;
    for (std::size_t i = 0; i < decision_.jobs.size(); ++i) {
      const auto& job = decision_.jobs[i];
      if (!job.submit || std::find(taken.begin(), taken.end(), job.id) != taken.end()) continue;
      end_.result[i].state = VariantState::refused;
      end_.result[i].trouble = why;
      ++refused;
    }
    // The master took nothing, and no job is there from before: the series does not exist.
    if (refused == decision_.jobs.size())
      return refuse({mistyped ? ErrorKind::usage : ErrorKind::remote_io,
                     why.empty() ? "the master took none of the jobs" : why});
    return true;
  }

  // --- following ---

  /// `complete`: a job that is not among them is gone from the master, for somebody has removed its folder.
  void take(std::vector<SeriesRecord>& records, bool complete) {
    for (auto& variant : end_.result) {
      const auto is_it = [&](const auto& known) { return known.job.id == variant.id; };
      const auto record = std::ranges::find_if(records, is_it);
      if (record != records.end()) {
        record->job.parameters = variant.parameters;
        variant = record->job;
      } else if (complete && !variant.over()) {
        variant.state = VariantState::lost;
        variant.trouble = "its folder on the master is gone";
      }
    }
  }

  /// Lost and refused jobs count, since nothing more will come of them.
  [[nodiscard]] bool all_over() const { return std::ranges::all_of(end_.result, &VariantResult::over); }

  asio::awaitable<void> follow() {
    auto step = [this] { return follow_once(); };
    auto worth = [this](const Error& error) { return worth_another_try(error); };
    co_await reconnect_.repeat(std::move(step), std::move(worth), observer_);
  }

  /// Until the series is over, or a look at it fails.
  asio::awaitable<Result<void>> follow_once() {
    for (;;) {
      if (stops_.detach.stop_requested()) co_return end(SeriesEnd::How::detached);
      const auto began = Clock::now();
      CO_TRY(co_await look());
      const auto pause = std::max(kBetweenLooks, kPauseForLook * (Clock::now() - began));
      reconnect_.reached(observer_);
      if (all_over()) co_return end(SeriesEnd::How::over);
      // Only a cancelled series has such a limit; see cancel().
      if (reconnect_.time_is_up()) co_return fail(ErrorKind::timeout, "the jobs did not end in time");
      const auto limit = reconnect_.waiting();
      co_await sleep_for(pause, limit);
    }
  }

  /// Jobs that were found may have printed results.
  asio::awaitable<void> leave() {
    end_.how = SeriesEnd::How::detached;
    if (!series_.variants.empty()) co_return;
    const auto collected = co_await take_outputs();
    if (collected) co_return;
    end_.how = SeriesEnd::How::gave_up;
    end_.refused = collected.error();
  }

  Result<void> end(SeriesEnd::How how) {
    end_.how = how;
    return {};
  }

  /// Whether a look that failed is to be repeated over a new connection. Fills in the end if not.
  bool worth_another_try(const Error& error) {
    const bool detached = stops_.detach.stop_requested();
    if (!detached && !reconnect_.is_hopeless(error)) return true;
    end_.how = detached ? SeriesEnd::How::detached : SeriesEnd::How::gave_up;
    if (!detached) end_.refused = error;
    return false;
  }

  /// One question to the master, and the cancelling in front of it if the user has asked for that.
  asio::awaitable<Result<void>> look() {
    // Repeated after a lost connection until the master has taken it.
    if (stops_.stop.stop_requested() && !cancel_sent_) {
      CO_TRY(co_await cancel());
    }
    const auto limit = reconnect_.waiting();
    ReportRequest request{.series = decision_.series};
    CO_TRY_AS(records, co_await master_.report(std::move(request), limit));
    take(*records, true);
    if (!master_.trouble().empty() && master_.trouble() != told_trouble_)
      observer_.on_trouble(master_.trouble());
    told_trouble_ = master_.trouble();
    // The results stand in the last lines of a job's output, which no job changes any more.
    if (all_over()) {
      CO_TRY(co_await take_outputs());
    }
    observer_.on_progress(end_.result);
    co_return Result<void>{};
  }

  /// The same question with the last lines of each output, from which findings are read.
  asio::awaitable<Result<void>> take_outputs() {
    ReportRequest request{.series = decision_.series, .outputs = true};
    const auto limit = reconnect_.waiting();
    CO_TRY_AS(records, co_await master_.report(std::move(request), limit));
    take(*records, false);
    co_return Result<void>{};
  }

  /// The program on the master ends waiting jobs before running ones, so that none starts in between.
  asio::awaitable<Result<void>> cancel() {
    if (!std::exchange(end_.cancelled, true)) {
      // From now on only a request to detach ends a wait, so the master can still be asked.
      reconnect_.stop_taken();
      reconnect_.give_up_in(kCancelling);
      observer_.on_cancelling();
    }
    const auto limit = reconnect_.waiting();
    CO_TRY(co_await master_.cancel(decision_.series, limit));
    cancel_sent_ = true;
    co_return Result<void>{};
  }

  SeriesSpec series_;
  JobNodes nodes_;
  ssh::Connector& connector_;
  FleetOptions options_;
  SeriesObserver& observer_;
  JobStops stops_;
  ReconnectPolicy reconnect_;
  SeriesMaster master_;
  std::map<int, NodeFacts> facts_;
  SeriesDecision decision_;
  bool cancel_sent_ = false;
  std::string told_trouble_;
  SeriesEnd end_;
};

}  // namespace

asio::awaitable<SeriesEnd> run_series(SeriesSpec series, JobNodes nodes, SeriesContext context) {
  SeriesRun run(std::move(series), std::move(nodes), std::move(context));
  auto end = co_await run.run();
  co_return end;
}

asio::awaitable<SeriesEnd> follow_series(std::string name, Node master, SeriesContext context) {
  SeriesSpec series{.name = std::move(name), .variants = {}};
  JobNodes nodes{.ranks = {}, .master = std::move(master)};
  return run_series(std::move(series), std::move(nodes), std::move(context));
}

int exit_code_for(const SeriesEnd& end) {
  const auto& result = end.result;
  switch (end.how) {
    case SeriesEnd::How::detached:
      return exit_code::ok;
    case SeriesEnd::How::gave_up:
      return end.cancelled ? exit_code::interrupted : exit_code::no_connection;
    case SeriesEnd::How::over:
      if (end.cancelled) return exit_code::interrupted;
      return std::ranges::all_of(result, &VariantResult::succeeded) ? exit_code::ok : exit_code::node_failed;
    case SeriesEnd::How::refused:
      break;
  }
  return refusal_exit_code(end.unfit, end.refused);
}

}  // namespace ec2mpi::ops
