#include <fmt/format.h>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cli/session/usage.hpp"
#include "ec2mpi/cli/session/world.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cli/views/job_view.hpp"
#include "ec2mpi/ops/exec/exec.hpp"
#include "ec2mpi/ops/job/run.hpp"
#include "ec2mpi/ops/node/placeholders.hpp"
#include "ec2mpi/ops/push/push.hpp"
#include "ec2mpi/ops/push/task.hpp"
#include "src/cli/commands/after_job.hpp"
#include "src/cli/commands/bring_results.hpp"
#include "src/cli/commands/series.hpp"

namespace ec2mpi::cli {

namespace {

constexpr std::size_t kLargestScript = 1 << 20;

struct RunOptions {
  ListOptions list;
  ConnectOptions connect;
  std::vector<std::string> name;
  std::optional<std::vector<std::string>> behind_dashes;
  int np = 0;
  int per_node = 0;
  int spawn = 0;
  std::optional<std::string> slots;
  std::optional<std::string> workdir;
  std::vector<std::string> env;
  std::vector<std::pair<std::string, std::string>> mca;
  double timeout = 0;
  bool no_mpi4py_run = false;
  bool explain = false;
  bool detach = false;
  bool tag = false;
  bool raw = false;
  bool no_push = false;
  bool allow_outside = false;
  std::optional<std::string> mpirun;
  AfterJob then = AfterJob::nothing;
  SeriesOptions series;
};

/// How a job ended, for what comes after it.
struct JobAftermath {
  bool ended = false;     ///< and was not left running
  bool complete = false;  ///< its results are here, if it has any
};

/// The job to run, without the words behind --.
struct Chosen {
  JobConfig job;  ///< for a script its command is empty
  std::optional<ops::JobScript> script;
  std::string mpirun;           ///< of the settings, or ""
  std::string end_signal = {};  ///< likewise
};

using Variable = std::pair<std::string, std::string>;

bool is_variable_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9');
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), fits) &&
         !(name.front() >= '0' && name.front() <= '9');
}

/// NAME=VALUE, or NAME alone for its value here, as with mpirun.
Result<Variable> parse_variable(const std::string& text) {
  const auto equals = text.find('=');
  const auto name = text.substr(0, equals);
  if (!is_variable_name(name))
    return fail(
        ErrorKind::usage,
        fmt::format("-x {0}: not a variable's name; to leave out nodes: --exclude {0}", printable(text)));
  if (equals != std::string::npos) return Variable{name, text.substr(equals + 1)};
  if (const char* value = std::getenv(name.c_str())) return Variable{name, value};
  return fail(ErrorKind::usage,
              fmt::format("-x {}: it is not set here; give it a value: -x {}=VALUE", name, name));
}

/// Those of the flags come after those of ec2mpi.toml and replace them.
Result<std::vector<Variable>> variables(const std::map<std::string, std::string>& of_job,
                                        const std::vector<std::string>& flags) {
  std::map<std::string, std::string> all;
  for (const auto& [name, value] : of_job) {
    if (!is_variable_name(name))
      return fail(ErrorKind::usage,
                  fmt::format("ec2mpi.toml: '{}' is not a variable's name", printable(name)));
    all[name] = value;
  }
  for (const auto& flag : flags) {
    TRY_AS(variable, parse_variable(flag));
    all[variable->first] = variable->second;
  }
  return std::vector<Variable>(all.begin(), all.end());
}

/// run_NAME.sh as the tutorial has it: in the working folder, else wherever the master has it.
Result<ops::JobScript> find_script(const std::string& name) {
  const auto odd = [](char c) { return c == '/' || static_cast<unsigned char>(c) < 0x20; };
  if (std::any_of(name.begin(), name.end(), odd)) {
    return fail(ErrorKind::usage,
                fmt::format("'{}' is not a job's name; a program stands behind --: ec2mpi run -- {}",
                            printable(name), printable(name)));
  }
  ops::JobScript script{"run_" + name + ".sh", std::nullopt};
  std::error_code ignored;
  if (!std::filesystem::exists(script.name, ignored)) return script;
  TRY_AS(text, read_file(script.name, kLargestScript));
  if (text->find('\0') != std::string::npos)
    return fail(ErrorKind::usage, script.name + " is not a shell script");
  script.text = std::move(*text);
  return script;
}

/// Those of the settings, and of the scripts run_NAME.sh here.
std::vector<std::string> known_jobs(const Config& config) {
  std::vector<std::string> names;
  for (const auto& [name, job] : config.jobs) names.push_back(name);
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(".", ignored)) {
    const auto file = entry.path().filename().string();
    if (file.starts_with("run_") && file.ends_with(".sh") && file.size() > 7)
      names.push_back(file.substr(4, file.size() - 7));
  }
  return names;
}

/// mpirun looks for a word without a slash in the PATH of the nodes, where a program of the user is not.
Result<void> check_program(const std::string& word) {
  std::error_code ignored;
  if (!word.ends_with(".py") || word.find('/') != std::string::npos ||
      !std::filesystem::exists(word, ignored))
    return {};
  return fail(ErrorKind::usage, fmt::format("{0} is no command on the nodes; a Python program needs python3: "
                                            "ec2mpi run -- python3 {0}",
                                            quote_word(printable(word))));
}

Result<Chosen> choose_job(const RunOptions& options, const Config& config) {
  const auto& behind = options.behind_dashes;
  if (options.name.empty()) {
    if (!behind || behind->empty())
      return fail(ErrorKind::usage, "nothing to run: ec2mpi run NAME, or ec2mpi run -- CMD ARGS");
    TRY(check_program(behind->front()));
    return Chosen{{}, std::nullopt, config.mpirun.value_or("")};
  }
  const auto& name = options.name.front();
  if (options.name.size() > 1) {
    if (!config.jobs.contains(name)) {
      return fail(ErrorKind::usage, fmt::format("programs stand behind --: ec2mpi run ... -- {}",
                                                printable(quote_words(options.name))));
    }
    return fail(ErrorKind::usage,
                fmt::format("'{}': arguments stand behind --: ec2mpi run {} -- {}",
                            printable(options.name[1]), printable(name), printable(options.name[1])));
  }
  const auto mpirun = config.mpirun.value_or("");
  if (const auto found = config.jobs.find(name); found != config.jobs.end())
    return Chosen{found->second, std::nullopt, mpirun};
  TRY_AS(script, find_script(name));
  if (const auto meant = nearest(name, known_jobs(config)); !script->text && !meant.empty())
    return fail(ErrorKind::usage,
                fmt::format("there is no [jobs.{}] in ec2mpi.toml and no {} here; is {} meant?",
                            printable(name), printable(script->name), printable(meant)));
  return Chosen{{}, std::move(*script), mpirun};
}

/// The words behind -- come last.
void add_behind(const RunOptions& options, std::vector<std::string>& command) {
  if (const auto& behind = options.behind_dashes)
    command.insert(command.end(), behind->begin(), behind->end());
}

/// What a job is called in its id: its name, else its program; a python program by its script.
std::string spoken_name(const RunOptions& options, const std::vector<std::string>& command) {
  if (!options.name.empty()) return options.name.front();
  if (ops::is_python(command.front())) {
    for (const auto& word : command) {
      if (word.ends_with(".py")) return word.substr(0, word.size() - 3);
    }
  }
  return command.front();
}

/// All that can be said before a connection: flags over the job's own settings.
Result<ops::JobWish> make_wish(const RunOptions& options, const Chosen& chosen, const FilledJob& job,
                               std::string id) {
  ops::JobWish wish;
  auto slots = options.slots ? parse_slots(*options.slots) : Slots{};
  if (!slots) return std::unexpected(slots.error());
  TRY_AS(env, variables(job.env, options.env));
  wish.id = std::move(id);
  wish.command = job.command;
  wish.script = chosen.script;
  wish.workdir = options.workdir.value_or(job.workdir);
  wish.ranks = {.np = options.np > 0 ? options.np : job.np,
                .per_node = options.per_node > 0 ? options.per_node : job.per_node,
                .nodes = job.nodes};
  wish.slots = *slots;
  wish.spawn = options.spawn;
  wish.env = std::move(*env);
  wish.mca = options.mca;
  wish.mpirun = options.mpirun.value_or(chosen.mpirun);
  if (!wish.mpirun.empty() && !wish.mpirun.starts_with('/'))
    return fail(ErrorKind::usage,
                fmt::format("--mpirun takes a full path, not '{}'", printable(wish.mpirun)));
  for (const auto& path : job.pull) {
    if (path.empty() || printable(path) != path)
      return fail(ErrorKind::usage, fmt::format("pull: '{}' is not a path on the nodes", printable(path)));
  }
  wish.pull = job.pull;
  wish.end_signal = chosen.end_signal;
  wish.mpi4py_run = !options.no_mpi4py_run;
  wish.tag = options.tag;
  wish.explain_only = options.explain;
  wish.timeout = seconds(options.timeout);
  return wish;
}

/// What a named job needs on the nodes, to be sent before it starts.
struct JobPush {
  NodeTask task;
  std::shared_ptr<ops::PushCount> count;
};

/// An ec2mpi.toml that came with a folder must not send away what lies elsewhere, such as keys, unless it was
/// asked for.
Result<void> check_inside(const std::vector<std::string>& sources, const std::vector<Node>& nodes) {
  std::error_code ignored;
  const auto here = std::filesystem::canonical(".", ignored);
  for (const auto& source : sources) {
    for (const auto& node : nodes) {
      const auto file =
          std::filesystem::weakly_canonical(here / ops::fill_placeholders(source, node), ignored);
      const auto [end, in_file] = std::mismatch(here.begin(), here.end(), file.begin(), file.end());
      if (end == here.end()) continue;
      return fail(
          ErrorKind::usage,
          fmt::format(
              "the job's push would send {}, which lies outside of the folder of ec2mpi.toml; if that "
              "is meant, add --allow-outside",
              printable(file.string())));
    }
  }
  return {};
}

Result<JobPush> make_push(const RunOptions& options, const FilledJob& job, const std::vector<Node>& nodes) {
  JobPush push;
  if (job.push.empty() || options.no_push || options.explain) return push;
  if (!job.of_user && !options.allow_outside) TRY(check_inside(job.push, nodes));
  auto groups = ops::push_groups(job.push, nodes, {});
  if (!groups) return std::unexpected(groups.error().within("the job's push"));
  auto target = options.workdir.value_or(job.workdir);
  if (target.empty()) target = "~";
  push.count = std::make_shared<ops::PushCount>();
  ops::PushPlan plan;
  plan.groups = std::move(*groups);
  plan.target = target + "/";
  plan.folder = true;
  plan.count = push.count;
  push.task = ops::push_task(std::move(plan));
  return push;
}

/// The exit code of a job that was left running.
asio::awaitable<int> leave_job(CommandContext& context, AfterJob then, std::string id, int code) {
  if (then == AfterJob::nothing) co_return code;
  const auto watching = co_await stop_after_job(context, id);
  if (watching) co_return code;
  context.console().talk(fmt::format("ec2mpi: {} runs, but nothing will stop the instances after it: {}", id,
                                     watching.error().message));
  co_return exit_code::node_failed;
}

asio::awaitable<int> run_single_job(CommandContext& context, const RunOptions& options, ops::JobWish wish,
                                    JobPush push, JobAftermath& aftermath) {
  auto& [runtime, cluster, access, connector, flow] = context;
  const JobView::Style style{.explain = options.explain, .cancels = !options.detach, .raw = options.raw};
  JobView view(runtime.console(), runtime.options(), wish.id, style);
  runtime.set_parting_words([&view] { return view.parting_words(); });
  ops::JobNodes nodes{cluster.nodes, cluster.inventory.master(), push.task};
  view.set_push(push.count);
  ops::JobStops stops{runtime.stop(), runtime.detach([&view] { return view.has_job(); }), options.detach};
  const auto id = wish.id;
  const auto end = co_await ops::run_job(runtime.executor(), std::move(wish), std::move(nodes), connector,
                                         flow, view, std::move(stops));
  view.conclude(end);
  if (view.has_job()) remember_job(cluster, id);
  if (!end.unfit.empty()) {
    if (auto kept = remember_failures(cluster, end.asked); !kept)
      runtime.console().talk("ec2mpi: " + kept.error().message);
  }
  if (options.detach && end.followed && end.followed->how == ops::Followed::How::detached)
    runtime.console().result(id);
  const int code = ops::exit_code_for(end);
  if (options.detach && end.followed && end.followed->how == ops::Followed::How::detached) {
    const int left = co_await leave_job(context, options.then, id, code);
    co_return left;
  }
  if (!end.followed || end.followed->how != ops::Followed::How::ended) co_return code;
  std::vector<ops::JobRecord> jobs = {end.followed->record};
  const int with_results = co_await bring_results(context, std::move(jobs), code);
  aftermath = {true, with_results == code && code != exit_code::interrupted};
  co_return with_results;
}

/// One job. It has no parameters, so the words behind -- are taken unchanged.
Result<ops::JobWish> make_single_wish(const RunOptions& options, const Chosen& chosen, FilledJob& filled,
                                      const World& world) {
  add_behind(options, filled.command);
  auto id = ops::make_job_id(spoken_name(options, filled.command), world.now());
  return make_wish(options, chosen, filled, std::move(id));
}

SeriesRequest make_request(const RunOptions& options, const Chosen& chosen, const std::vector<Node>& nodes) {
  auto job = chosen.job;
  add_behind(options, job.command);
  auto name = spoken_name(options, job.command);
  return {.name = std::move(name),
          .job = std::move(job),
          .make_wish = [&options, &chosen](
                           const FilledJob& filled,
                           const std::string& id) { return make_wish(options, chosen, filled, id); },
          .make_push = [&options, &nodes](const FilledJob& filled) -> Result<SeriesPush> {
            TRY_AS(push, make_push(options, filled, nodes));
            return SeriesPush{std::move(push->task), std::move(push->count)};
          },
          .options = options.series,
          .connect = options.connect,
          .detach = options.detach};
}

Result<int> run_once(const RunOptions& options, const CommonOptions& common, JobAftermath& aftermath) {
  TRY_AS(cluster, open_cluster(options.list));
  TRY_AS(chosen, choose_job(options, cluster->config));
  chosen->end_signal = cluster->config.end_signal.value_or("");
  const bool series = options.series.asked_for() || !chosen->job.sweep.empty();
  if (series && options.explain)
    return fail(ErrorKind::usage, "--explain explains one job; --dry-run shows the jobs of a series");
  if (series && options.detach && options.then != AfterJob::nothing)
    return fail(ErrorKind::usage, "--then with --detach is for one job, not for a series");
  if (series) {
    const auto code = run_series(make_request(options, *chosen, cluster->nodes), *cluster, common);
    aftermath = {code == exit_code::ok, code == exit_code::ok};
    return code;
  }
  auto filled = fill_in(chosen->job, {});
  if (!filled) return std::unexpected(filled.error());
  TRY_AS(wish, make_single_wish(options, *chosen, *filled, *common.world));
  TRY_AS(push, make_push(options, *filled, cluster->nodes));
  TRY_AS(access, open_access(*cluster, options.connect));
  const auto flow = fleet_options(*cluster, options.connect, {});
  return run_on_loop(*cluster, *access, flow, common, [&](CommandContext& context) {
    return run_single_job(context, options, std::move(*wish), std::move(*push), aftermath);
  });
}

Result<int> run_run(const RunOptions& options, const CommonOptions& common) {
  JobAftermath aftermath;
  if (options.then == AfterJob::nothing || options.explain) return run_once(options, common, aftermath);
  const AfterJobOptions after{options.then, options.detach, options.list.list};
  std::vector<std::string> ids;
  const auto prepared = prepare_end(after, common, ids);
  if (!prepared || *prepared != exit_code::ok) return prepared;
  const auto code = run_once(options, common, aftermath);
  if (!code || options.detach) return code;
  if (!aftermath.ended || !aftermath.complete) {
    print_talk(fmt::format("ec2mpi: the instances stay, and cost: {}; ec2mpi down ends them\n",
                           aftermath.ended ? "not all results are here" : "the job has not come to its end"));
    return code;
  }
  TRY_AS(ended, end_after_job(after, common, std::move(ids)));
  return *code == exit_code::ok ? *ended : *code;
}

void add_job_options(CLI::App& command, RunOptions& options) {
  command
      .add_option("name", options.name, "A [jobs.NAME] of ec2mpi.toml, or the NAME of a script run_NAME.sh")
      ->type_name("NAME");
  command.add_option("-n,--np", options.np, "Ranks in all, also -np [one per slot]")
      ->type_name("N")
      ->check(number(1, 1'000'000));
  command.add_option("--per-node", options.per_node, "Ranks on each node, independent of its slots")
      ->type_name("N")
      ->check(number(1, 100'000));
  command
      .add_option("--slots", options.slots,
                  "Places on a node: cores, threads or a number [as the list says, else cores]")
      ->type_name("KIND");
  command.add_option("--workdir", options.workdir, "Where the program runs on the nodes [the home]")
      ->type_name("DIR");
  command.add_option("-x", options.env, "Set this for every rank; without a value: as it is here")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command.add_option("--mca", options.mca, "Parameter for Open MPI; replaces ours of that name")
      ->type_name("NAME VALUE")
      ->allow_extra_args(false);
  command.add_option("--timeout", options.timeout, "End the job after this time [no limit]")
      ->type_name("SECONDS")
      ->check(number(0.001, 1e8));
  command
      .add_option("--mpirun", options.mpirun,
                  "The mpirun or mpiexec to use on the nodes [the one in their PATH]")
      ->type_name("PATH")
      ->envname("EC2MPI_MPIRUN");
  command.add_flag("--tag", options.tag,
                   "The rank in front of each line of output; ec2mpi logs --rank N selects one rank");
  command.add_flag("--raw", options.raw,
                   "Control characters of the job reach the terminal, too, not only colours and tabs");
  command.add_flag("--no-push", options.no_push, "Skip the job's push");
  command.add_flag("--allow-outside", options.allow_outside,
                   "The push of a job in ./ec2mpi.toml may send files from outside of this folder");
  command
      .add_option("--spawn", options.spawn,
                  "Leave N slots free for ranks that the program spawns (MPI_Comm_spawn, MPIPoolExecutor)")
      ->type_name("N")
      ->check(number(1, 100'000));
  command.add_flag("--no-mpi4py-run", options.no_mpi4py_run,
                   "Start python programs as they are, not through mpi4py.run");
  command.add_flag("-d,--detach", options.detach, "Start it, print its id and leave it running");
  command
      .add_option(
          "--then", options.then,
          "When the job has ended and its results are here: stop or down; with --detach the instances stop")
      ->type_name("ACTION")
      ->transform(one_of<AfterJob>({{"stop", AfterJob::stop}, {"down", AfterJob::down}}));
  command.add_flag("--explain", options.explain,
                   "Show the mpirun line and why each option is there; start nothing");
}

}  // namespace

void add_run_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<RunOptions>();
  auto& command = add_command(
      app, "run", "Starts an MPI program over the nodes: ec2mpi run NAME [-- ARGS], ec2mpi run -- CMD ARGS",
      "ec2mpi run -np 4 -- python3 hello.py");
  add_job_options(command, *options);
  add_series_options(command, options->series);
  add_selection_options(command, options->list, "--exclude,--exclude-nodes");
  add_connect_options(command, options->connect);
  command.callback([options, &dispatch] {
    options->behind_dashes = dispatch.behind_dashes;
    dispatch.chosen = [options](const CommonOptions& common) { return run_run(*options, common); };
  });
}

}  // namespace ec2mpi::cli
