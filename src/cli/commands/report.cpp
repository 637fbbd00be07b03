// `ec2mpi report`: one HTML page about a job or a series. All content is fetched from the master over one
// session (record, output, the newest map of the network), then cli/views makes the page of it.

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <algorithm>
#include <ctime>
#include <filesystem>
#include <map>
#include <set>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/base/usual_name.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/on_master.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cli/session/world.hpp"
#include "ec2mpi/cli/terminal/answer.hpp"
#include "ec2mpi/cli/views/report_page.hpp"
#include "ec2mpi/cli/views/series_view.hpp"
#include "ec2mpi/cloud/prices.hpp"
#include "ec2mpi/ops/job/follow.hpp"
#include "ec2mpi/ops/job/jobs.hpp"
#include "ec2mpi/ops/job/results.hpp"
#include "ec2mpi/ops/series/series.hpp"
#include "src/cli/commands/held_sessions.hpp"

namespace ec2mpi::cli {

namespace {

constexpr int kLastLines = 200;               // of each stream of a job
constexpr std::size_t kMostFailedJobs = 3;    // whose output a series shows
constexpr std::size_t kMostOutput = 4 << 20;  // bytes; the output of `ec2mpi net` on 32 nodes takes 20 KB

constexpr const char* kUsualFile = "report.html";

struct ReportOptions {
  MasterOptions master;
  std::string word;
  std::optional<std::string> output;  ///< that the user has named
};

/// The record of a job, and its output.
struct FetchedJob {
  ops::Followed followed;
  OutputEnd output;
};

/// Keeps the beginning of each stream, at most kMostOutput: all of it goes into one page.
class OutputKeeper : public ops::FollowObserver {
 public:
  explicit OutputKeeper(OutputEnd& output) : output_(output) {}

  void on_found(const std::string& id, bool) override { output_.job = id; }
  void on_output(const ssh::Chunk& chunk) override {
    auto& text = chunk.stream == ssh::Stream::out ? output_.out : output_.err;
    text += chunk.bytes.substr(0, kMostOutput - std::min(kMostOutput, text.size()));
  }

 private:
  OutputEnd& output_;
};

/// `lines`: of each stream, the last ones; 0 means all.
asio::awaitable<FetchedJob> fetch_job(CommandContext& context, HeldSessions& sessions, std::string word,
                                      int lines) {
  FetchedJob job;
  OutputKeeper keeper(job.output);
  ops::FollowRequest request;
  request.master = context.master();
  request.word = std::move(word);
  request.stop = context.runtime.stop();
  // Ctrl-C ends the report and never the job. A job that still runs is shown as it is now.
  request.cancels = false;
  request.lasting = false;
  request.last_lines = lines;
  // For the name of a series the answer is is_series(), without a message.
  request.takes_series = true;
  request.connect_timeout = context.flow.connect_timeout;
  job.followed = co_await ops::follow_job(std::move(request), sessions, keeper);
  co_return job;
}

/// Why there is no report. Returns the exit code.
int report_failure(CommandContext& context, const FetchedJob& job) {
  using How = ops::Followed::How;
  if (context.runtime.stop().stop_requested()) return exit_code::interrupted;
  if (job.followed.how == How::refused) context.console().talk_printed(job.output.err);
  if (job.followed.error)
    context.console().talk(
        fmt::format("{}: {}", context.master().label(), printable(job.followed.error->message)));
  return ops::exit_code_for(job.followed);
}

/// The newest measurement of the network that succeeded.
/// The page is complete without it, so errors only leave it out.
asio::awaitable<void> add_network(CommandContext& context, HeldSessions& sessions,
                                  const std::vector<ops::JobRecord>& jobs, ReportContent& content) {
  const auto measured = std::ranges::find_if(
      jobs, [](const ops::JobRecord& job) { return job.command == "ec2mpi net" && job.succeeded(); });
  if (measured == jobs.end()) co_return;
  const auto job = co_await fetch_job(context, sessions, measured->id, 0);
  std::vector<int> indices;
  // parse_net counts by ranks, so it takes the nodes of that job and not the selected ones.
  for (const auto& node : ops::nodes_of_job(*measured, context.cluster.inventory.nodes))
    indices.push_back(node.index);
  auto map = ops::parse_net(job.output.out, indices);
  if (!map) co_return;
  content.network = std::move(*map);
  content.network_job = measured->id;
}

/// The jobs of the series, and the output of the first ones that failed. Returns an exit code if there is no
/// such series.
asio::awaitable<std::optional<int>> add_series(CommandContext& context, HeldSessions& sessions,
                                               std::string name, const std::vector<ops::JobRecord>& jobs,
                                               ReportContent& content) {
  SeriesView view(context.console(), context.runtime.options(), false);
  // An empty `stop`, because it would cancel the jobs; Ctrl-C only ends the look at them.
  ops::JobStops stops{.stop = {}, .detach = context.runtime.stop(), .until = ops::Until::handed_over};
  ops::SeriesContext find{sessions, context.flow, view, std::move(stops)};
  auto end = co_await ops::follow_series(std::move(name), context.master(), std::move(find));
  using How = ops::SeriesEnd::How;
  if (end.how == How::refused || end.how == How::gave_up) {
    view.conclude(end);
    co_return ops::exit_code_for(end);
  }
  content.title = end.series;
  for (const auto& variant : end.result) {
    const auto record = std::ranges::find(jobs, variant.id, &ops::JobRecord::id);
    if (record != jobs.end()) content.jobs.push_back(*record);
    const bool failed = variant.over() && !variant.succeeded();
    if (!failed || content.outputs.size() == kMostFailedJobs) continue;
    auto job = co_await fetch_job(context, sessions, variant.id, kLastLines);
    content.outputs.push_back(std::move(job.output));
  }
  content.series = std::move(end.result);
  co_return std::nullopt;
}

/// Uses the session by which the job was fetched.
asio::awaitable<Result<std::vector<ops::JobRecord>>> list_all_jobs(CommandContext& context,
                                                                   HeldSessions& sessions) {
  const Limit limit{Clock::time_point::max(), context.runtime.stop()};
  const auto connecting = limit.at_most(context.flow.connect_timeout);
  const ssh::PhaseObserver no_matter = [](ssh::Phase) {};
  CO_TRY_AS(session, co_await sessions.connect(context.master(), connecting, no_matter));
  auto jobs = co_await ops::list_jobs(**session, limit);
  co_return jobs;
}

/// The zone "us-east-2a" lies in the region "us-east-2".
std::string region_of(std::string_view zone) {
  if (!zone.empty()) zone.remove_suffix(1);
  return std::string(zone);
}

/// The price of the jobs' nodes while the jobs ran; empty if a price is not known.
std::string cost_of(const Cluster& cluster, const std::vector<ops::JobRecord>& jobs) {
  std::map<std::string, cloud::PriceList> lists;  // by region
  std::set<std::string> sources;
  double cost = 0;
  for (const auto& job : jobs) {
    const auto seconds = job.started > 0 ? std::max<std::int64_t>(0, job.ended - job.started) : 0;
    for (const auto& node : ops::nodes_of_job(job, cluster.inventory.nodes)) {
      const auto region = region_of(node.availability_zone);
      const auto& prices = lists.try_emplace(region, cluster.config.prices, region).first->second;
      const auto price = prices.hour_of(node.type);
      // A sum that lacks a node would look like the whole cost.
      if (!price) return {};
      sources.insert(prices.source_of(node.type));
      cost += *price * static_cast<double>(seconds) / 3600;
    }
  }
  if (cost <= 0) return {};
  // A short job on small nodes costs less than a cent.
  return fmt::format("{:.{}f} USD (by {})", cost, cost < 1 ? 4 : 2,
                     join({sources.begin(), sources.end()}, " and "));
}

/// In the time zone of this machine.
std::string time_text(World::Time time) {
  const auto seconds = std::chrono::system_clock::to_time_t(time);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", local);
}

/// The old page stays whole until the new one is complete.
int write_page(CommandContext& context, const ReportOptions& options, const ReportContent& content) {
  const auto file = options.output.value_or(kUsualFile);
  const auto write = options.output ? write_file_atomically : write_own_file;
  const auto written = write(file, report_page(content), 0644);
  auto& fields = answer_fields();
  fields["title"] = content.title;
  fields["jobs"] = Json::array();
  for (const auto& job : content.jobs) fields["jobs"].push_back(job.id);
  if (written) fields["file"] = file;
  context.console().talk("ec2mpi: " +
                         (written ? "the report is in " + printable(file) : written.error().message));
  return written ? exit_code::ok : exit_code::node_failed;
}

/// A word names a job or a series; only the master knows which, so it is tried as a job first.
asio::awaitable<int> make_report(CommandContext& context, const ReportOptions& options) {
  // One login for all questions to the master.
  HeldSessions sessions(context.connector);
  auto job = co_await fetch_job(context, sessions, options.word, kLastLines);
  const bool found = job.followed.how == ops::Followed::How::ended;
  if (!found && !job.followed.is_series()) co_return report_failure(context, job);
  const auto jobs = co_await list_all_jobs(context, sessions);
  if (!jobs) {
    context.console().talk(fmt::format("{}: {}", context.master().label(), printable(jobs.error().message)));
    co_return jobs.error().kind == ErrorKind::cancelled ? exit_code::interrupted : exit_code::node_failed;
  }
  ReportContent content{.made = time_text(context.runtime.options().world->now())};
  if (found) {
    content.title = job.followed.record.id;
    content.jobs = {job.followed.record};
    content.outputs = {std::move(job.output)};
  } else {
    const auto refused = co_await add_series(context, sessions, options.word, *jobs, content);
    if (refused) co_return *refused;
  }
  content.cost = cost_of(context.cluster, content.jobs);
  co_await add_network(context, sessions, *jobs, content);
  co_return write_page(context, options, content);
}

Result<int> run_report(const ReportOptions& options, const CommonOptions& common) {
  // Looked at first, so that a wrong path does not waste the questions.
  if (!options.output) TRY(spare_file_of_user(kUsualFile, kReportMark, "-o"));
  std::error_code ignored;
  const auto folder = std::filesystem::path(options.output.value_or("")).parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder, ignored))
    return fail(ErrorKind::usage, fmt::format("-o: there is no folder {}", printable(folder.string())));
  return work_on_master(options.master, common,
                        [&options](CommandContext& context) { return make_report(context, options); });
}

}  // namespace

void add_report_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<ReportOptions>();
  auto& command = add_command(
      app, "report",
      "Writes a page about a job or a series, for a browser: one file, which you can send to others",
      "ec2mpi report spread -o spread.html");
  add_job_argument(command, options->word, {.may_be_series = true});
  add_option(command, "-o,--output", options->output, "Where to write the page [report.html]")
      .check(output_file())
      .type_name("FILE");
  add_master_options(command, options->master);
  set_work(command, dispatch, options, run_report);
}

}  // namespace ec2mpi::cli
