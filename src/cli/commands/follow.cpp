// `ec2mpi attach`, `wait`, `logs` and `cancel`: four ways to follow a job that exists. They differ in what a
// Ctrl-C does, in whether they show the output, and in whether they stay until the end; make_request has that
// table. A word that names a series is passed to follow_series.

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/job_memory.hpp"
#include "ec2mpi/cli/session/on_master.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cli/views/job_json.hpp"
#include "ec2mpi/cli/views/job_view.hpp"
#include "ec2mpi/ops/job/follow.hpp"
#include "ec2mpi/ops/job/jobs.hpp"
#include "src/cli/commands/bring_results.hpp"
#include "src/cli/commands/profile.hpp"
#include "src/cli/commands/series.hpp"

namespace ec2mpi::cli {

namespace {

/// Of all four commands; each command sets only its own flags.
struct FollowOptions {
  MasterOptions master;
  std::string word;
  std::vector<std::string> words;  ///< of commands that take several jobs
  bool follow = false;
  int last_lines = 0;
  std::string since;
  std::optional<int> rank;
  bool raw = false;
  bool json = false;
  bool all = false;
};

using Verb = FollowVerb;

/// The times of --since have the form of --persist: "90", "90s", "10m", "2h".
const ReadValue kTime = [](const std::string& text) {
  const auto time = parse_persist(text);
  return time ? std::string() : time.error().message;
};

/// Keeps the output of a job for its JSON document.
class OutputKeeper : public ops::FollowObserver {
 public:
  explicit OutputKeeper(std::size_t most) : output_(most) {}
  void on_found(const std::string& id, bool /*over*/) override { id_ = id; }
  void on_output(const ssh::Chunk& chunk) override { output_.take(chunk); }
  [[nodiscard]] const KeptOutput& output() const { return output_; }
  /// Empty before the master has said which job it is.
  [[nodiscard]] const std::string& id() const { return id_; }

 private:
  std::string id_;
  KeptOutput output_;
};

/// The whole difference between the four verbs, apart from their output.
ops::FollowRequest make_request(CommandContext& context, const FollowOptions& options, Verb verb) {
  ops::FollowRequest request;
  request.master = context.master();
  request.word = options.word;
  request.connect_timeout = context.flow.connect_timeout;
  request.stop = context.runtime.stop();
  // In `logs` and `wait` a Ctrl-C only ends the following, and the job continues.
  request.cancels = verb == Verb::attach;
  request.output = verb == Verb::attach || verb == Verb::logs;
  request.lasting = verb != Verb::logs || options.follow;
  request.last_lines = options.last_lines;
  // kTime has refused all other texts, so the 0 is never used.
  if (!options.since.empty()) request.since = parse_persist(options.since).value_or(std::chrono::seconds(0));
  // A series is then refused without a message, and follow_series takes it over.
  request.takes_series = true;
  if (verb != Verb::cancel) {
    request.detach = context.runtime.detach([] { return true; });
  } else {  // as if Ctrl-C had been there from the beginning; ours leaves
    static std::stop_source at_once;
    at_once.request_stop();
    request.stop = at_once.get_token();
    request.detach = context.runtime.stop();
    request.cancels = true;
    request.unended = true;
  }
  return request;
}

/// `logs` succeeds when it has printed, however the job ended; `cancel`, when the nodes were looked
/// at afterwards, so that nobody has to guess whether processes are left.
int exit_code_of(const ops::Followed& followed, Verb verb, bool stopped) {
  const bool ended = followed.how == ops::Followed::How::ended;
  if (ended && verb == Verb::logs) return exit_code::ok;
  if (ended && verb == Verb::cancel) {
    const bool clean = followed.record.not_swept.empty();
    return clean ? exit_code::ok : exit_code::node_failed;
  }
  // Nothing was cancelled, as far as we know.
  if (followed.how == ops::Followed::How::gave_up && verb == Verb::cancel) return exit_code::no_connection;
  if (followed.how == ops::Followed::How::detached && stopped) return exit_code::interrupted;
  return ops::exit_code_for(followed);
}

/// `attach` replaces the second half of a `run`, so it ends in the same way.
asio::awaitable<int> bring_results_of(CommandContext& context, const ops::Followed& followed, Verb verb,
                                      bool json) {
  const int code = exit_code_of(followed, verb, context.runtime.stop().stop_requested());
  if (verb != Verb::attach || followed.how != ops::Followed::How::ended) co_return code;
  if (!json) co_await show_profile_of(context, followed.record);
  std::vector<ops::JobRecord> jobs = {followed.record};
  BringOptions into_results;
  const int with_results = co_await bring_results(context, std::move(jobs), code, std::move(into_results));
  co_return with_results;
}

/// For a job that has not ended here: it has no document.
void tell_reason(CommandContext& context, const OutputKeeper& keeper, const ops::Followed& followed) {
  context.console().talk_printed(keeper.output().err());
  if (followed.how == ops::Followed::How::detached)
    context.console().talk("ec2mpi: " + leaving_text(keeper.id(), followed.stopped.has_value()));
  if (followed.error) context.console().talk("ec2mpi: " + printable(followed.error->message));
}

/// `document` gets the job; it stays empty if the job has not ended here.
asio::awaitable<ops::Followed> follow_for_json(CommandContext& context, const FollowOptions& options,
                                               Verb verb, Json& document) {
  OutputKeeper keeper(KeptOutput::kMost);
  auto request = make_request(context, options, verb);
  const bool output = request.output;
  auto followed = co_await ops::follow_job(std::move(request), context.connector, keeper);
  if (followed.how != ops::Followed::How::ended) {
    tell_reason(context, keeper, followed);
    co_return followed;
  }
  document["job"] = job_json(followed.record);
  if (output) keeper.output().add_to(document);
  co_return followed;
}

/// The view lives as long as the job is followed; the memory of this folder then learns of the end.
asio::awaitable<ops::Followed> follow_for_people(CommandContext& context, const FollowOptions& options,
                                                 Verb verb) {
  JobView view(context.console(), context.runtime.options(), options.word,
               {.attached = true,
                .reports = verb != Verb::logs,
                .lasting = verb != Verb::logs || options.follow,
                .bell = verb == Verb::attach,
                .rank = options.rank,
                .offers_stacks = verb == Verb::attach,
                .raw = options.raw});
  view.set_nodes(context.cluster.inventory.nodes, names_of_hosts(context.cluster));
  context.runtime.set_parting_words([&view] { return view.parting_words(); });
  auto request = make_request(context, options, verb);
  auto followed = co_await ops::follow_job(std::move(request), context.connector, view);
  // A series is not a failure: it is followed by other means.
  if (!followed.is_series()) view.conclude(followed);
  if (followed.how == ops::Followed::How::ended) {
    remember_end(context.cluster, followed.record.id);
    remember_seen(context.cluster, {followed.record.id, true, outcome_of(followed.record)});
  }
  // Nothing was selected, which is no success.
  if (view.lacks_rank()) {
    followed.how = ops::Followed::How::refused;
    followed.refusal = {exit_code::not_started, ""};
  }
  // The words refer to the view, which ends here.
  context.runtime.set_parting_words({});
  co_return followed;
}

/// The output of the jobs one after the other, each under its id.
asio::awaitable<int> show_logs(CommandContext& context, FollowOptions options, ops::SeriesResult jobs) {
  int code = exit_code::ok;
  for (const auto& job : jobs) {
    if (context.runtime.stop().stop_requested()) co_return exit_code::interrupted;
    // On standard error, so that standard output has nothing but the jobs' own bytes.
    context.console().talk("==> " + job.id);
    options.word = job.id;
    const auto followed = co_await follow_for_people(context, options, Verb::logs);
    code = std::max(code, exit_code_of(followed, Verb::logs, context.runtime.stop().stop_requested()));
  }
  co_return code;
}

/// The document of the series, with the output of each job that has begun.
asio::awaitable<int> collect_logs(CommandContext& context, FollowOptions options, ops::SeriesEnd series,
                                  Json& document) {
  auto collected = Json::parse(ops::json_text(series.series, series.result));
  int code = exit_code::ok;
  for (std::size_t i = 0; i < series.result.size(); ++i) {
    if (context.runtime.stop().stop_requested()) co_return exit_code::interrupted;
    if (series.result[i].state == ops::VariantState::queued) continue;
    // All jobs together get no more memory than one.
    OutputKeeper keeper(KeptOutput::kMost / series.result.size());
    options.word = series.result[i].id;
    auto request = make_request(context, options, Verb::logs);
    const auto followed = co_await ops::follow_job(std::move(request), context.connector, keeper);
    if (followed.how == ops::Followed::How::ended)
      keeper.output().add_to(collected["variants"][i]);
    else
      tell_reason(context, keeper, followed);
    code = std::max(code, exit_code_of(followed, Verb::logs, context.runtime.stop().stop_requested()));
  }
  document = std::move(collected);
  co_return code;
}

/// Jobs that wait come first, so that none of them starts while others are ended.
std::vector<std::string> unended_jobs(const std::vector<ops::JobRecord>& jobs) {
  std::vector<std::string> ids;
  for (const auto wanted : {ops::JobState::waiting, ops::JobState::running, ops::JobState::ending})
    for (const auto& job : jobs)
      if (job.state == wanted) ids.push_back(job.id);
  return ids;
}

/// A job that cannot be ended does not protect the ones behind it; the highest exit code counts.
asio::awaitable<int> cancel_all(CommandContext& context, FollowOptions options, ssh::Session& session,
                                Json& documents) {
  const Limit until_stopped{.deadline = Clock::time_point::max(), .stop = context.runtime.stop()};
  const auto jobs = co_await ops::list_jobs(session, until_stopped);
  if (!jobs) {
    context.console().talk(fmt::format("{}: {}", context.master().label(), printable(jobs.error().message)));
    co_return exit_code::node_failed;
  }
  const auto ids = unended_jobs(*jobs);
  if (ids.empty()) context.console().talk("ec2mpi: no job waits or runs");
  int code = exit_code::ok;
  for (const auto& id : ids) {
    if (context.runtime.stop().stop_requested()) co_return exit_code::interrupted;
    options.word = id;
    ops::Followed followed;
    Json document;
    if (options.json)
      followed = co_await follow_for_json(context, options, Verb::cancel, document);
    else
      followed = co_await follow_for_people(context, options, Verb::cancel);
    if (!document.is_null()) documents.push_back(document);
    const bool ended_itself = followed.how == ops::Followed::How::refused;  // since the list was made
    if (!ended_itself) code = std::max(code, exit_code_of(followed, Verb::cancel, false));
  }
  co_return code;
}

/// Only the master knows whether a word names a job or a series, so it is tried as a job first. `document` is
/// for --json.
asio::awaitable<int> follow_one(CommandContext& context, FollowOptions options, Verb verb, Json& document) {
  ops::Followed followed;
  if (options.json)
    followed = co_await follow_for_json(context, options, verb, document);
  else
    followed = co_await follow_for_people(context, options, verb);
  if (!followed.is_series()) {
    const int code = co_await bring_results_of(context, followed, verb, options.json);
    co_return code;
  }
  // The logs of a series are those of its jobs.
  if (verb == Verb::logs) {
    auto series = co_await look_up_series(context, options.word);
    if (!series) co_return series.error();
    int code = exit_code::ok;
    if (options.json)
      code = co_await collect_logs(context, std::move(options), std::move(*series), document);
    else
      code = co_await show_logs(context, std::move(options), std::move(series->result));
    co_return code;
  }
  if (verb == Verb::cancel) {
    const auto series = co_await look_up_series(context, options.word);
    if (!series) co_return series.error();
    if (std::ranges::all_of(series->result, &ops::VariantResult::over)) {
      context.runtime.console().talk(
          fmt::format("ec2mpi: {} has ended already; ec2mpi jobs shows how", printable(series->series)));
      co_return exit_code::not_started;
    }
  }
  Json* const results = options.json ? &document : nullptr;
  const int code = co_await follow_series(context, options.word, verb, results);
  co_return code;
}

/// One job after the other; the exit code is the first that is not 0.
asio::awaitable<int> follow_each(CommandContext& context, FollowOptions options, Verb verb, Json& documents) {
  auto words = std::move(options.words);
  if (words.empty()) words.push_back(options.word);
  int code = exit_code::ok;
  for (const auto& word : words) {
    options.word = word;
    Json document;
    const int one = co_await follow_one(context, options, verb, document);
    if (!document.is_null()) documents.push_back(document);
    if (code == exit_code::ok) code = one;
    if (context.runtime.stop().stop_requested()) break;
  }
  co_return code;
}

/// The document of one job is that job's; of several it has theirs. If there are none, it has the error.
asio::awaitable<int> follow(CommandContext& context, FollowOptions options, Verb verb) {
  Json documents = Json::array();
  int code = exit_code::ok;
  if (options.all) {
    std::function<asio::awaitable<int>(CommandContext&, ssh::Session&)> cancel =
        [&options, &documents](CommandContext& of_command, ssh::Session& session) {
          return cancel_all(of_command, options, session, documents);
        };
    code = co_await ask_master(context, std::move(cancel));
  } else {
    code = co_await follow_each(context, options, verb, documents);
  }
  if (!options.json || (documents.empty() && code != exit_code::ok)) co_return code;
  if (options.words.size() > 1 || options.all) {
    Json all;
    all["exit_code"] = code;
    all["jobs"] = std::move(documents);
    context.console().result(dump_json(all));
  } else if (!documents.empty()) {
    context.console().result(dump_json(documents.front()));
  }
  co_return code;
}

/// Patterns are for nodes.
Result<void> check_words(const FollowOptions& options) {
  auto words = options.words;
  words.push_back(options.word);
  for (const auto& word : words) {
    auto name = word.substr(0, word.find_first_of("*?["));
    if (name.size() == word.size()) continue;
    while (name.ends_with('-')) name.pop_back();
    return fail(ErrorKind::usage,
                fmt::format("'{}': jobs have no patterns; the name of a series stands for all its jobs{}",
                            printable(word), name.empty() ? name : ", as " + printable(name)));
  }
  return {};
}

/// The commands that do the same with one job and with many.
bool takes_several(Verb verb) {
  return verb == Verb::wait || verb == Verb::cancel;
}

/// Which job a word means is decided on the master: it alone knows all jobs.
Option add_job_argument(CLI::App& command, FollowOptions& options, Verb verb) {
  JobArgument argument{.may_be_series = true};
  if (verb == Verb::cancel) {
    argument.otherwise = "the newest that waits or runs";
    argument.whole = true;
  }
  return takes_several(verb) ? add_job_argument(command, options.words, argument)
                             : add_job_argument(command, options.word, argument);
}

std::shared_ptr<FollowOptions> add(CLI::App& app, Dispatch& dispatch, Verb verb, const std::string& name,
                                   const std::string& description) {
  auto options = std::make_shared<FollowOptions>();
  auto& command = add_command(app, name, description, "ec2mpi " + name + " spread");
  const auto job = add_job_argument(command, *options, verb);
  add_master_options(command, options->master);
  if (verb == Verb::logs)
    add_option(command, "--since", options->since, "Only the output of the last 90s, 10m, 2h, ...")
        .type_name("TIME")
        .check(kTime);
  add_flag(command, "--json", options->json,
           takes_several(verb) ? "The states of the jobs as one JSON document, at the end"
                               : "The job's state and output as one JSON document, at the end");
  if (verb == Verb::attach || verb == Verb::logs) {
    add_flag(command, "--raw", options->raw,
             "Control characters of the job reach the terminal, too, not only colours and tabs");
  }
  if (verb == Verb::cancel) {
    add_flag(command, "--all", options->all, "All jobs that wait or run").excludes(job);
  }
  if (verb == Verb::logs) {
    add_flag(command, "-f,--follow", options->follow, "Continue until the job has ended; Ctrl-C leaves");
    add_option(command, "-n,--lines", options->last_lines, "Only the last N lines of each stream")
        .type_name("N")
        .transform(number(1, 1'000'000'000));
    add_option(command, "--rank", options->rank,
               "Only this rank's lines, of a job that was started with --tag")
        .type_name("N")
        .transform(number(0, 999'999));
  }
  const auto work = [verb](const FollowOptions& chosen, const CommonOptions& common) -> Result<int> {
    TRY(check_words(chosen));
    return work_on_master(chosen.master, common,
                          [&chosen, verb](CommandContext& context) { return follow(context, chosen, verb); });
  };
  set_work(command, dispatch, options, work);
  return options;
}

}  // namespace

void add_follow_commands(CLI::App& app, Dispatch& dispatch) {
  add(app, dispatch, Verb::attach, "attach",
      "Follows a job as run does: its output from the beginning, and its exit status; Ctrl-C cancels it, "
      "TERM and output that can't be written leave it running");
  add(app, dispatch, Verb::logs, "logs", "Prints the output of a job so far");
  add(app, dispatch, Verb::wait, "wait",
      "Waits for the end of jobs, without showing their output; the exit status is the first of theirs that "
      "is not 0");
  add(app, dispatch, Verb::cancel, "cancel",
      "Ends the processes of jobs on all nodes, and checks that none is left");
}

}  // namespace ec2mpi::cli
