// `ec2mpi jobs`, `signal` and `rm`: questions to the master about its jobs, each over one session. The state
// of a job is read from its folder each time; this machine keeps only a memory of names for completion.

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <algorithm>
#include <ctime>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/job_memory.hpp"
#include "ec2mpi/cli/session/on_master.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cli/terminal/aligned.hpp"
#include "ec2mpi/cli/terminal/answer.hpp"
#include "ec2mpi/cli/views/job_json.hpp"
#include "ec2mpi/cluster/values/selection.hpp"
#include "ec2mpi/ops/job/jobs.hpp"
#include "ec2mpi/ops/job/plan.hpp"
#include "src/cli/commands/damaged_jobs.hpp"

namespace ec2mpi::cli {

namespace {

struct JobsOptions {
  MasterOptions master;
  bool json = false;
  bool unended = false;
  std::string name;
  std::vector<std::string> words;
  int older = 0;
};

/// In the time zone of this machine. Empty for 0, which stands for "not yet".
std::string time_text(std::int64_t seconds) {
  if (seconds == 0) return {};
  const std::time_t time = seconds;
  std::tm local{};
  ::localtime_r(&time, &local);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", local);
}

/// So far, if the job runs; the clocks of the master and of this machine may differ, hence never
/// below 0. Nobody knows when a lost job ended.
std::string duration_text(const ops::JobRecord& job) {
  if (job.started == 0) return {};
  if (job.state == ops::JobState::lost) return {};
  const bool over = job.ended != 0;
  if (!over && job.ran) return format_seconds(std::chrono::seconds(*job.ran));
  const auto end = over ? job.ended : static_cast<std::int64_t>(std::time(nullptr));
  return format_seconds(std::chrono::seconds(std::max<std::int64_t>(0, end - job.started)));
}

/// "1-3,5" of "1,2,3,5": the jobs of a series have their nodes one by one. Other texts stay.
std::string folded(std::string_view nodes) {
  std::vector<int> indices;
  for (const auto part : split(nodes, ',')) {
    const auto index = parse_number(part);
    if (!index || *index > 1'000'000) return std::string(nodes);
    indices.push_back(static_cast<int>(*index));
  }
  return fold_indices(indices);
}

std::string table(const std::vector<ops::JobRecord>& jobs) {
  std::vector<std::vector<std::string>> rows = {
      {"ID", "STATE", "RANKS", "NODES", "STARTED", "TIME", "COMMAND"}};
  for (const auto& job : jobs) {
    rows.push_back({job.id, outcome_of(job), std::to_string(job.np), folded(job.nodes),
                    time_text(job.started), duration_text(job), job.command});
  }
  return aligned(std::move(rows));
}

std::string json(const std::vector<ops::JobRecord>& jobs) {
  auto list = Json::array();
  for (const auto& job : jobs) list.push_back(job_json(job));
  return dump_json(list);
}

/// An answer that cannot be understood is a failed node; without any answer there is no connection.
int tell_error(CommandContext& context, const Error& error) {
  context.console().talk(fmt::format("{}: {}", context.master().label(), printable(error.message)));
  if (error.kind == ErrorKind::cancelled) return exit_code::interrupted;
  return error.kind == ErrorKind::remote_io ? exit_code::node_failed : exit_code::no_connection;
}

/// {"exit_code": 0, "removed": [ids], "messages": [lines]}; the messages are printed, too.
std::string tell_removal_as_json(CommandContext& context, const ops::Answer& answer) {
  // src/ops/job/remove.sh prints this word and the id for each job.
  constexpr std::string_view kRemoved = "removed ";
  Json document = {{"exit_code", answer.code}, {"removed", Json::array()}, {"messages", Json::array()}};
  for (const auto line : split(answer.said, '\n')) {
    if (line.empty()) continue;
    const bool is_removed = line.starts_with(kRemoved);
    if (is_removed)
      document["removed"].push_back(line.substr(kRemoved.size()));
    else
      document["messages"].push_back(line);
    if (!is_removed) context.console().talk(std::string(line));
  }
  return dump_json(document);
}

/// The exit code is the one that the master's program chose.
int tell_answer(CommandContext& context, const Result<ops::Answer>& answer) {
  if (!answer) return tell_error(context, answer.error());
  // The lines are safe for a terminal already, although the master wrote them.
  if (!answer->said.empty()) context.console().talk(answer->said);
  return answer->code;
}

/// The functions of ops/job/jobs.hpp have a time limit of their own; this adds the Ctrl-C.
Limit until_stopped(CommandContext& context) {
  return {Clock::time_point::max(), context.runtime.stop()};
}

/// "1-3,6" of a job's record, and the nodes that are wanted.
bool has_one_of(std::string_view indices, const std::vector<Node>& nodes) {
  for (const auto part : split(indices, ',')) {
    const auto dash = part.find('-');
    // The record is the master's, so a part may be anything; one without numbers has no node.
    const auto first = parse_number(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number(part.substr(dash + 1));
    const auto inside = [&](const Node& node) {
      const auto index = static_cast<std::uint64_t>(node.index);
      return first && last && index >= *first && index <= *last;
    };
    if (std::ranges::any_of(nodes, inside)) return true;
  }
  return false;
}

/// The words that choose from the list: a name is how ids begin.
void keep_wanted(std::vector<ops::JobRecord>& jobs, const JobsOptions& options,
                 const std::vector<Node>& nodes) {
  const auto name = ops::job_word(options.name);
  const bool all_nodes = options.master.list.wanted.empty();
  std::erase_if(jobs, [&](const auto& job) {
    return (options.unended && job.is_over()) || !job.id.starts_with(name) ||
           (!all_nodes && !has_one_of(job.nodes, nodes));
  });
}

/// For all of them, and not only those of a name or a node.
bool asks_for_unended(const JobsOptions& options) {
  return options.unended && options.name.empty() && options.master.list.wanted.empty();
}

/// For completion of ids, and for `ec2mpi` alone: neither asks the master.
void remember_all(const Cluster& cluster, const std::vector<ops::JobRecord>& jobs) {
  std::vector<SeenJob> seen;
  for (const auto& job : jobs) seen.push_back({job.id, job.is_over(), outcome_of(job)});
  remember_jobs(cluster, seen);
}

asio::awaitable<int> show_jobs(CommandContext& context, ssh::Session& session, const JobsOptions& options) {
  auto jobs = co_await ops::list_jobs(session, until_stopped(context));
  if (!jobs) co_return tell_error(context, jobs.error());
  // Two messages: there are no jobs at all, or none of those that were asked for.
  const bool none = jobs->empty();
  remember_all(context.cluster, *jobs);
  keep_wanted(*jobs, options, context.cluster.nodes);
  if (options.json)
    context.console().result(json(*jobs));
  else if (jobs->empty())
    context.console().talk(none                        ? "ec2mpi: no jobs on the master yet"
                           : asks_for_unended(options) ? "ec2mpi: no job waits or runs"
                                                       : "ec2mpi: no such job on the master");
  else
    context.console().result_bytes(table(*jobs));
  co_return tell_damaged_jobs(context, *jobs);
}

asio::awaitable<int> signal(CommandContext& context, ssh::Session& session, std::string word,
                            std::string name) {
  const auto answer =
      co_await ops::signal_job(session, std::move(word), std::move(name), until_stopped(context));
  // src/ops/job/signal.sh prints "ID: SIGUSR1 sent".
  if (answer && answer->code == exit_code::ok)
    answer_fields()["job"] = answer->said.substr(0, answer->said.find(": "));
  co_return tell_answer(context, answer);
}

asio::awaitable<int> remove(CommandContext& context, ssh::Session& session, const JobsOptions& options) {
  const auto answer =
      co_await ops::remove_jobs(session, options.words, options.older, until_stopped(context));
  if (!options.json || !answer) co_return tell_answer(context, answer);
  context.console().result(tell_removal_as_json(context, *answer));
  co_return answer->code;
}

using Ask = std::function<asio::awaitable<int>(CommandContext&, ssh::Session&)>;

Result<int> carry_out(const JobsOptions& options, const CommonOptions& common, Ask ask) {
  return work_on_master(options.master, common,
                        [ask = std::move(ask)](CommandContext& context) { return ask_master(context, ask); });
}

Result<int> run_jobs(const JobsOptions& options, const CommonOptions& common) {
  return carry_out(options, common, [&options](CommandContext& context, ssh::Session& session) {
    return show_jobs(context, session, options);
  });
}

/// "USR1" of "USR1", "SIGUSR1" and "usr1"; numbers are refused. Errors: usage.
Result<std::string> signal_name(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (name.starts_with("SIG")) name.erase(0, 3);
  // KILL ends mpirun itself, and the job would seem to have ended because the master's memory was full.
  if (name == "KILL" || name == "9")
    return fail(ErrorKind::usage, "signal does not send KILL; ec2mpi cancel ends a job");
  // The master puts the name behind the dash of kill, so only known words get there.
  static constexpr const char* kNames[] = {"USR1", "USR2", "TSTP", "CONT", "STOP",
                                           "HUP",  "INT",  "TERM", "QUIT", "ALRM"};
  if (std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames)) return name;
  return fail(
      ErrorKind::usage,
      fmt::format(
          "'{}' is not a signal that can be sent; these are: USR1, USR2, TSTP and CONT, which reach the "
          "ranks, and STOP, HUP, INT, TERM, QUIT and ALRM",
          printable(name)));
}

Result<int> run_signal(const JobsOptions& options, const CommonOptions& common) {
  TRY_AS(name, signal_name(options.words.back()));
  // A single word is the signal, for the newest job that waits or runs.
  const auto word = options.words.size() > 1 ? options.words.front() : std::string();
  return carry_out(options, common, [word, name = *name](CommandContext& context, ssh::Session& session) {
    return signal(context, session, word, name);
  });
}

Result<int> run_rm(const JobsOptions& options, const CommonOptions& common) {
  // The newest job is no default here, as it is elsewhere: a removal cannot be undone.
  if (options.words.empty() && options.older == 0)
    return fail(ErrorKind::usage, "which job? ec2mpi rm ID..., or ec2mpi rm --older 30");
  if (!options.words.empty() && options.older != 0)
    return fail(ErrorKind::usage, "rm takes jobs, or --older for all that ended long ago; not both");
  return carry_out(options, common, [&options](CommandContext& context, ssh::Session& session) {
    return remove(context, session, options);
  });
}

using Run = Result<int> (*)(const JobsOptions&, const CommonOptions&);

/// For all three commands; each adds its own options to the returned ones.
std::shared_ptr<JobsOptions> prepare(CLI::App& command, Dispatch& dispatch, Run run) {
  auto options = std::make_shared<JobsOptions>();
  add_master_options(command, options->master);
  set_work(command, dispatch, options, run);
  return options;
}

}  // namespace

void add_jobs_commands(CLI::App& app, Dispatch& dispatch) {
  auto& jobs =
      add_command(app, "jobs", "Lists the jobs on the master, the newest first", "ec2mpi jobs --json");
  const auto of_jobs = prepare(jobs, dispatch, run_jobs);
  add_flag(jobs, "--json", of_jobs->json, "As JSON");
  add_flag(jobs, "--running", of_jobs->unended, "Only jobs that wait or run");
  add_option(jobs, "--name", of_jobs->name, "Only jobs whose ids begin with NAME: of one name or one series")
      .type_name("NAME");
  // It selects among the jobs; the question always goes to the master.
  add_option(jobs, "-w,--nodes", of_jobs->master.list.wanted,
             "Only jobs that have, or had, one of these nodes")
      .type_name("NODES")
      .allow_extra_args(false);
  auto& signal = add_command(app, "signal", "Sends a signal to a job; mpirun forwards it to the ranks",
                             "ec2mpi signal spread USR1");
  const auto of_signal = prepare(signal, dispatch, run_signal);
  add_option(signal, "words", of_signal->words,
             "The job [the newest that waits or runs], and USR1, USR2, TSTP, CONT, ...")
      .required()
      .expected(1, 2)
      .type_name("[ID] SIGNAL");
  auto& rm =
      add_command(app, "rm", "Removes the files of ended jobs from the master", "ec2mpi rm --older 30");
  const auto of_rm = prepare(rm, dispatch, run_rm);
  add_option(rm, "ids", of_rm->words, "The jobs: each by its id or NAME-DATE, or its name; or a series")
      .type_name("ID...");
  add_flag(rm, "--json", of_rm->json, "As one JSON document");
  add_option(rm, "--older", of_rm->older, "All that ended at least this many days ago")
      .type_name("DAYS")
      .transform(number(1, 100'000));
}

}  // namespace ec2mpi::cli
