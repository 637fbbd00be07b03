// `ec2mpi run`: from a name, a script or a command line to a job. choose_job takes the settings, the flags
// replace some of them, and the result goes to ops/job as one job or to run_series as many.

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/job_memory.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cli/session/world.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cli/terminal/terminal.hpp"
#include "ec2mpi/cli/views/job_json.hpp"
#include "ec2mpi/cli/views/job_view.hpp"
#include "ec2mpi/ops/job/run.hpp"
#include "ec2mpi/ops/mpi/command.hpp"
#include "src/cli/commands/after_job.hpp"
#include "src/cli/commands/bring_results.hpp"
#include "src/cli/commands/choose_job.hpp"
#include "src/cli/commands/guard.hpp"
#include "src/cli/commands/job_flags.hpp"
#include "src/cli/commands/job_push.hpp"
#include "src/cli/commands/profile.hpp"
#include "src/cli/commands/series.hpp"

namespace ec2mpi::cli {

namespace {

struct RunOptions {
  ListOptions list;
  ConnectOptions connect;
  JobWords words;
  JobFlags job;
  bool explain = false;
  bool detach = false;
  bool raw = false;
  bool json_lines = false;
  bool no_push = false;
  bool allow_outside = false;
  GuardOptions guard;
  AfterJob then = AfterJob::nothing;
  SeriesOptions series;
};

/// How a job ended, for what comes after it.
struct JobAftermath {
  InstancesOfJob instances = {};  ///< with --then
  bool ended = false;             ///< and was not left running
  bool complete = false;          ///< its results are here, if it has any
};

/// The words behind -- come last.
void add_behind(const RunOptions& options, std::vector<std::string>& command) {
  if (const auto& behind = options.words.behind_dashes)
    command.insert(command.end(), behind->begin(), behind->end());
}

/// What a job or a series is called in its id: its name, else its program; a python program by its script.
std::string spoken_name(const RunOptions& options, const std::vector<std::string>& command) {
  if (!options.words.name.empty()) return options.words.name.front();
  auto program = command.front();
  if (ops::is_python(program)) {
    const auto script = std::ranges::find_if(command, [](const auto& word) { return word.ends_with(".py"); });
    if (script != command.end()) program = script->substr(0, script->size() - 3);
  }
  return program.substr(program.rfind('/') + 1);
}

/// The exit code of a job that was left running.
/// With --then the master is told to stop the instances. If it cannot be told, that is an error,
/// because the instances would cost without an end.
asio::awaitable<int> leave_job(CommandContext& context, const InstancesOfJob& instances, std::string id,
                               int code) {
  if (instances.ids.empty()) co_return code;
  const auto watching = co_await stop_after_job(context, id, instances.private_addresses);
  if (watching) co_return code;
  context.console().talk(fmt::format("ec2mpi: {} runs, but nothing will stop the instances after it: {}", id,
                                     watching.error().message));
  co_return exit_code::node_failed;
}

/// Standard input, for rank 0, as with mpirun: a pipe, a file, or a terminal in the foreground.
class StandardInput : public ops::InputSource {
 public:
  explicit StandardInput(const asio::any_io_executor& executor) : input_(executor, STDIN_FILENO) {
    // A command that was moved to the background reads no more, and is not stopped.
    std::signal(SIGTTIN, SIG_IGN);
  }

  /// /dev/null has nothing, and a terminal in the background belongs to another program.
  [[nodiscard]] static bool is_there() {
    struct stat info {};
    struct stat null {};
    if (::fstat(STDIN_FILENO, &info) != 0) return false;
    if (::isatty(STDIN_FILENO) == 1) return ::tcgetpgrp(STDIN_FILENO) == ::getpgrp();
    return ::stat("/dev/null", &null) != 0 || info.st_rdev != null.st_rdev || !S_ISCHR(info.st_mode);
  }

  asio::awaitable<Result<std::optional<std::string_view>>> read(Limit limit) override {
    return input_.read(std::move(limit));
  }

  [[nodiscard]] bool is_typed() const override { return ::isatty(STDIN_FILENO) == 1; }

 private:
  InputStream input_;
};

/// That of `attach --json`.
void show_document(Console& console, const JobView& view, const Json& job) {
  Json document = {{"job", job}};
  view.kept().add_to(document);
  console.result(dump_json(document));
}

/// The guard, the job, its results. `aftermath` tells the caller whether the instances may end now.
asio::awaitable<int> run_single_job(CommandContext& context, const RunOptions& options, JobSpec job,
                                    JobPush push, JobAftermath& aftermath) {
  // --explain starts nothing, and costs nothing.
  if (!options.guard.limit.empty() && !options.explain) {
    if (const auto code = co_await find_bad_nodes(context, options.guard)) co_return *code;
  }
  auto& [runtime, cluster, access, connector, flow] = context;
  const JobView::Style style{.explain = options.explain,
                             .cancels = !options.detach,
                             .json = options.series.json,
                             .json_lines = options.json_lines,
                             .offers_stacks = !options.detach && !options.explain,
                             .raw = options.raw};
  const auto id = job.id;
  JobView view(runtime.console(), runtime.options(), id, style);
  view.set_nodes(cluster.inventory.nodes, names_of_hosts(cluster));
  runtime.set_parting_words([&view] { return view.parting_words(); });
  ops::JobNodes nodes{cluster.nodes, cluster.inventory.master(), push.task};
  view.set_push(push.count);
  // Until the master has the job, TERM means that nothing is started; after that it leaves the job.
  ops::JobStops stops{runtime.stop(), runtime.detach([&view] { return view.has_job(); })};
  if (options.detach) stops.until = ops::Until::handed_over;
  if (options.explain) stops.until = ops::Until::planned;
  ops::JobContext run{connector, flow, view, std::move(stops)};
  // A job that nobody follows has no connection over which input could reach it.
  std::optional<StandardInput> input;
  if (!options.detach && !options.explain && StandardInput::is_there()) input.emplace(runtime.executor());
  const auto end =
      co_await ops::run_job(std::move(job), std::move(nodes), std::move(run), input ? &*input : nullptr);
  view.conclude(end);
  // For the selector `failed`: nothing was launched because of these nodes.
  if (!end.unfit.empty()) {
    if (auto kept = remember_failures(cluster, end.asked); !kept)
      runtime.console().talk("ec2mpi: " + kept.error().message);
  }
  const int code = ops::exit_code_for(end);
  const bool has_ended = end.followed && end.followed->how == ops::Followed::How::ended;
  const bool is_left = options.detach && end.followed && end.followed->how == ops::Followed::How::detached;
  if (options.series.json && has_ended)
    show_document(runtime.console(), view, job_json(end.followed->record));
  else if (options.series.json && is_left)
    runtime.console().result(dump_json({{"job", {{"id", id}}}}));
  else if (is_left)
    // The only line on standard output, for a script that takes it.
    runtime.console().result(id);
  // Also if the answer of the master was lost: `attach` then finds out.
  if (view.has_job() && code != exit_code::not_started) {
    remember_job(cluster, {id, has_ended});
    remember_seen(cluster, {id, has_ended, has_ended ? outcome_of(end.followed->record) : std::string()});
  }
  view.emit("end", {{"exit_code", code}, {"job", has_ended ? job_json(end.followed->record) : Json()}});
  if (is_left) {
    const int left = co_await leave_job(context, aftermath.instances, id, code);
    co_return left;
  }
  if (!end.followed || end.followed->how != ops::Followed::How::ended) co_return code;
  if (!options.series.json) co_await show_profile_of(context, end.followed->record);
  std::vector<ops::JobRecord> jobs = {end.followed->record};
  BringOptions into_results;
  const int with_results = co_await bring_results(context, std::move(jobs), code, std::move(into_results));
  // After a cancelled job the instances stay.
  aftermath.ended = true;
  aftermath.complete = with_results == code && code != exit_code::interrupted;
  co_return with_results;
}

/// One job has no parameters, so the words behind -- and the flags are taken unchanged.
Result<JobSpec> specify_single_job(const RunOptions& options, const JobSpec& chosen, const World& world) {
  TRY_AS(job, chosen.filled({}));
  add_behind(options, job->command);
  job->id = ops::make_job_id(spoken_name(options, job->command), world.now());
  TRY_AS(flagged, with_flags(std::move(*job), options.job));
  return completed(std::move(*flagged), options.job);
}

/// The request refers to the options, which must live longer.
SeriesRequest request_series(const RunOptions& options, JobSpec job) {
  add_behind(options, job.command);
  return {.name = spoken_name(options, job.command),
          .job = std::move(job),
          .flags = options.job,
          .options = options.series,
          .connect = options.connect,
          .push = !options.no_push,
          .allow_outside = options.allow_outside,
          .detach = options.detach};
}

/// One call of `run` without what comes after it. Errors: usage, for flags that exclude each other.
Result<int> run_once(RunOptions options, const CommonOptions& common, JobAftermath& aftermath) {
  TRY_AS(cluster, open_cluster(options.list));
  if (options.words.name.size() == 1)
    options.words.name.front() = job_name(options.words.name.front(), cluster->config);
  TRY_AS(chosen, choose_job(options.words, cluster->config));
  // Settings for all jobs, also for one without a table in ec2mpi.toml.
  chosen->end_signal = cluster->config.end_signal.value_or("");
  chosen->hang = cluster->config.hang.value_or(std::chrono::seconds(0));
  chosen->hook = cluster->config.done_hook.value_or("");
  const bool series = options.series.asked_for() || !chosen->sweep.empty();
  // For one job, a dry run is the same as --explain.
  if (options.series.dry_run && !series) options.explain = true;
  if (series && options.json_lines)
    return fail(ErrorKind::usage, "--json-lines follows one job; a series has --json");
  if (series && !options.guard.limit.empty())
    return fail(ErrorKind::usage, "--guard is for one job; before a series: ec2mpi doctor --bench");
  if (series && options.explain)
    return fail(ErrorKind::usage, "--explain explains one job; --dry-run shows the jobs of a series");
  if (series && options.detach && options.then != AfterJob::nothing)
    return fail(ErrorKind::usage, "--then with --detach is for one job, not for a series");
  if (series) {
    const auto code = run_series(request_series(options, std::move(*chosen)), *cluster, common);
    aftermath.ended = aftermath.complete = code == exit_code::ok;
    return code;
  }
  TRY_AS(job, specify_single_job(options, *chosen, *common.world));
  if (options.no_push) job->push.clear();
  // Local files are checked before the keys and before the first connection.
  TRY_AS(push, plan_job_push(*job, *cluster, options.connect, options.allow_outside));
  TRY_AS(access, open_access(*cluster, options.connect));
  const auto flow = fleet_options(*cluster, options.connect, {});
  return run_on_loop(*cluster, *access, flow, common, [&](CommandContext& context) {
    return run_single_job(context, options, std::move(*job), std::move(*push), aftermath);
  });
}

Result<int> run_run(const RunOptions& options, const CommonOptions& common) {
  JobAftermath aftermath;
  const bool starts = !options.explain && !options.series.dry_run;
  if (options.then == AfterJob::nothing || !starts) return run_once(options, common, aftermath);
  const AfterJobOptions after{options.then, options.detach, options.list.list};
  // EC2 is asked before the job: a refusal after it could come when nobody looks.
  const auto prepared = prepare_end(after, common, aftermath.instances);
  if (!prepared || *prepared != exit_code::ok) return prepared;
  const auto code = run_once(options, common, aftermath);
  if (!code || options.detach) return code;
  // The disks may hold the only copy of the results.
  if (!aftermath.ended || !aftermath.complete) {
    print_talk(fmt::format("ec2mpi: the instances stay and cost money: {}; ec2mpi down ends them\n",
                           aftermath.ended ? "not all results are here" : "the job has not come to its end"));
    return code;
  }
  TRY_AS(ended, end_after_job(after, common, aftermath.instances.ids));
  // The code of the job wins over that of the end of the instances.
  return *code == exit_code::ok ? *ended : *code;
}

void add_run_options(CLI::App& command, RunOptions& options) {
  add_option(command, "name", options.words.name,
             "A [jobs.NAME] of ec2mpi.toml, or the NAME of a script run_NAME.sh")
      .type_name("NAME");
  add_job_flags(command, options.job);
  add_flag(command, "--raw", options.raw,
           "Control characters of the job reach the terminal, too, not only colours and tabs");
  add_flag(command, "--json-lines", options.json_lines,
           "One JSON object for each line and event of the job, while it happens");
  add_flag(command, "--no-push", options.no_push, "Skip the job's push");
  add_flag(command, "--allow-outside", options.allow_outside,
           "The push of a job in ./ec2mpi.toml may send files from outside of this folder");
  add_flag(command, "-d,--detach", options.detach, "Start it, print its id and leave it running");
  add_option(
      command, "--then", options.then,
      "When the job has ended and its results are here: stop or down; with --detach the instances stop")
      .type_name("ACTION")
      .transform(one_of<AfterJob>({{"stop", AfterJob::stop}, {"down", AfterJob::down}}));
  add_guard_options(command, options.guard);
  add_flag(command, "--explain", options.explain,
           "Show the mpirun line and why each option is there; start nothing");
}

}  // namespace

void add_run_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<RunOptions>();
  // The order of -w is the order of the ranks.
  options->list.as_named = true;
  auto& command = add_command(
      app, "run", "Starts an MPI program over the nodes: ec2mpi run NAME [-- ARGS], ec2mpi run -- CMD ARGS",
      "ec2mpi run -np 4 -- python3 hello.py\n"
      "  ec2mpi run --guard 10% -np 4 -- python3 hello.py     stops if a node is slow");
  add_run_options(command, *options);
  add_series_options(command, options->series);
  option_of(command, "--json-lines").excludes(option_of(command, "--json"));
  // Without -x, which is mpirun's flag for a variable.
  add_selection_options(command, options->list, "--exclude,--exclude-nodes");
  add_connect_options(command, options->connect);
  when_typed(command, [options, &dispatch] {
    options->words.behind_dashes = dispatch.behind_dashes;
    dispatch.chosen = [options](const CommonOptions& common) { return run_run(*options, common); };
  });
}

}  // namespace ec2mpi::cli
