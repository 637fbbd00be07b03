// `ec2mpi pull`: files from nodes, or the results of a job. A single word may be the name of a job that this
// folder knows. Then the master is asked first, and the word is a path only if it has no such job.

#include "ec2mpi/ops/pull/pull.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/job_memory.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cli/terminal/answer.hpp"
#include "ec2mpi/cli/terminal/diverted_results.hpp"
#include "ec2mpi/fleet/gather.hpp"
#include "ec2mpi/ops/job/jobs.hpp"
#include "ec2mpi/ops/job/plan.hpp"
#include "ec2mpi/ops/job/results.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "src/cli/commands/bring_results.hpp"
#include "src/cli/commands/copy.hpp"
#include "src/cli/commands/series.hpp"

namespace ec2mpi::cli {

namespace {

constexpr std::size_t kStreamsInAll = 8;  // a downlink is full with these
constexpr std::size_t kStreamsToANode = 4;

/// Only pull has these; the flags for nodes and connections are in CopyOptions.
struct PullFlags {
  bool flat = false;
  bool checksum = false;
  bool dry_run = false;
  bool follow = false;
  bool sudo = false;
  bool json = false;
  bool json_lines = false;
  std::vector<std::string> exclude;
  std::optional<std::uint64_t> max_size;
};

/// Checks the paths for every node before the first connection. Errors: usage.
Result<std::shared_ptr<ops::PullJob>> plan_job(const CopyOptions& options, const PullFlags& flags,
                                               const std::vector<Node>& nodes) {
  if (flags.follow && flags.dry_run)
    return fail(ErrorKind::usage, "--follow and --dry-run do not go together");
  auto job = std::make_shared<ops::PullJob>();
  const auto layout = ops::pull_layout(options.target(), nodes.size(), flags.flat);
  for (const auto& node : nodes) {
    TRY_AS(plan, ops::pull_plan(options.sources(), options.target(), node, layout));
    plan->as_root = flags.sudo;
    job->plans.emplace(node.index, std::move(*plan));
  }
  job->options.max_size = flags.max_size;
  job->options.checksum = flags.checksum;
  job->options.dry_run = flags.dry_run;
  job->options.follow = flags.follow;
  // Several nodes fill the downlink together, so each of them needs fewer connections.
  job->options.streams = std::clamp(kStreamsInAll / nodes.size(), std::size_t{1}, kStreamsToANode);
  for (const auto& rule : flags.exclude) job->options.exclude.add_rule(rule);
  return job;
}

/// Of all nodes so far; the progress line calls it while they work.
ops::PullCounts total_of(const ops::PullJob& job) {
  ops::PullCounts all;
  for (const auto& [index, counts] : job.counts) {
    all.copied += counts.copied;
    all.unchanged += counts.unchanged;
    all.bytes += counts.bytes;
  }
  return all;
}

/// The words of the summary; called when all nodes have ended.
std::string detail_of(const ops::PullJob& job) {
  const auto all = total_of(job);
  const auto text =
      fmt::format("{} {}, {} unchanged · {}", count_of(all.copied, "file"),
                  job.options.dry_run ? "to copy" : "copied", all.unchanged, format_bytes(all.bytes));
  return job.options.dry_run ? text + " · dry run, nothing was changed" : text;
}

/// The function shares the job, because the JSON is printed after the task is gone.
NodeNumbers numbers_of(std::shared_ptr<ops::PullJob> job) {
  return [job = std::move(job)](const Node& node) -> Numbers {
    const auto& counts = job->counts[node.index];
    return {{"files_copied", counts.copied}, {"files_unchanged", counts.unchanged}, {"bytes", counts.bytes}};
  };
}

/// A plain word that this folder knows as the name of a job or a series. Any other word is a path, and costs
/// no question to the master.
bool may_be_job(const CopyOptions& options, const Cluster& cluster) {
  const auto sources = options.sources();
  if (sources.size() != 1) return false;
  const auto& word = sources.front();
  return cluster.config.jobs.contains(word) ||
         std::ranges::any_of(recall_jobs(cluster.state), [&word](const auto& job) {
           return job.id == word || job.id.starts_with(word + "-");
         });
}

/// "NAME-20260102-030405-abcd", as make_job_id makes it.
bool is_id_of(std::string_view id, std::string_view name) {
  constexpr std::size_t kBehind = 21;
  return id.size() == name.size() + kBehind && id.starts_with(name) && id[name.size() + 9] == '-' &&
         id[name.size() + 16] == '-';
}

/// Those that a word may mean, the newest first: the one with this id, or all whose name begins so.
void keep_called(std::vector<ops::JobRecord>& jobs, const std::string& word) {
  const auto one = std::ranges::find(jobs, word, &ops::JobRecord::id);
  if (one != jobs.end())
    jobs = {*one};
  else
    std::erase_if(jobs, [&word](const auto& job) { return !job.id.starts_with(word + "-"); });
}

/// The jobs that the word means; none if it is the name of a file in the home.
asio::awaitable<Result<std::vector<ops::JobRecord>>> ask_for_jobs(CommandContext& context, std::string word) {
  const Limit limit{.deadline = Clock::time_point::max(), .stop = context.runtime.stop()};
  const auto connecting = limit.at_most(context.flow.connect_timeout);
  CO_TRY_AS(session, co_await context.connector.connect(context.master(), connecting, [](ssh::Phase) {}));
  auto look = "[ -e \"$HOME\"/" + quote_word(word) + " ] && echo there; exit 0\n";
  CO_TRY_AS(said, co_await ops::capture(**session, std::move(look), connecting));
  if (trim(said->out) == "there") co_return std::vector<ops::JobRecord>();
  CO_TRY_AS(records, co_await ops::list_jobs(**session, limit));
  keep_called(*records, ops::job_word(word));
  co_return std::move(*records);
}

/// What was typed and means nothing for the results of a job.
std::vector<std::string_view> flags_for_paths(const PullFlags& flags) {
  const std::pair<std::string_view, bool> all[] = {{"--flat", flags.flat},
                                                   {"--follow", flags.follow},
                                                   {"--checksum", flags.checksum},
                                                   {"--sudo", flags.sudo},
                                                   {"--dry-run", flags.dry_run},
                                                   {"--exclude", !flags.exclude.empty()},
                                                   {"--max-size", flags.max_size.has_value()},
                                                   {"--json-lines", flags.json_lines}};
  std::vector<std::string_view> typed;
  for (const auto& [name, is_typed] : all)
    if (is_typed) typed.push_back(name);
  return typed;
}

/// Leaves the jobs that ran on a chosen node. Errors: usage if there is none.
Result<void> keep_on_chosen_nodes(std::vector<ops::JobRecord>& jobs, const std::string& word,
                                  const Cluster& cluster) {
  if (jobs.empty()) return {};
  const auto left_out = [&cluster](const auto& job) {
    // A job whose nodes are not in the list any more is reported as that.
    return !ops::nodes_of_job(job, cluster.inventory.nodes).empty() &&
           ops::nodes_of_job(job, cluster.nodes).empty();
  };
  std::vector<int> indices;
  for (const auto& node : ops::nodes_of_job(jobs.front(), cluster.inventory.nodes))
    indices.push_back(node.index);
  std::erase_if(jobs, left_out);
  if (!jobs.empty()) return {};
  return fail(ErrorKind::usage, fmt::format("{} ran on {}, and -w or -x leaves none of its nodes",
                                            printable(word), nodes_label(indices)));
}

/// The jobs whose results the word means; none if it is a path.
asio::awaitable<std::vector<ops::JobRecord>> find_jobs(CommandContext& context, std::string word) {
  auto jobs = co_await ask_for_jobs(context, word);
  // The pull itself then says what is wrong with the master.
  if (!jobs || jobs->empty()) co_return std::vector<ops::JobRecord>();
  const auto name = ops::job_word(word);
  if (const auto& newest = jobs->front().id; newest == name || is_id_of(newest, name)) {
    jobs->resize(1);
  } else {
    const auto series = co_await look_up_series(context, name);
    if (!series) co_return std::vector<ops::JobRecord>();
    const auto& members = series->result;
    std::erase_if(*jobs, [&members](const auto& job) {
      return std::ranges::find(members, job.id, &ops::VariantResult::id) == members.end();
    });
  }
  co_return std::move(*jobs);
}

/// The results of the job or the series that the word means; nothing if it is a path: the master has neither,
/// or has a file of that name in the home. The value is the exit code. Errors: usage.
asio::awaitable<std::optional<Result<int>>> pull_results(CommandContext& context, const CopyOptions& options,
                                                         const PullFlags& flags) {
  const auto word = options.sources().front();
  auto jobs = co_await find_jobs(context, word);
  if (jobs.empty()) co_return std::nullopt;
  if (const auto typed = flags_for_paths(flags); !typed.empty()) {
    co_return fail(ErrorKind::usage,
                   fmt::format("{0} is a job, and {1} {2} not go with the results of a job; a "
                               "file of that name is ./{0}",
                               printable(word), fmt::join(typed, ", "), typed.size() == 1 ? "does" : "do"));
  }
  if (flags.json) divert_results(true);
  const auto all = jobs.size();
  std::erase_if(jobs, [](const auto& job) { return !ops::has_results(job); });
  auto& console = context.console();
  if (jobs.size() < all)
    console.talk(
        fmt::format("ec2mpi: {}: {} of {} succeeded and {} a pull in ec2mpi.toml; the others have no results",
                    printable(word), jobs.size(), count_of(all, "job"), jobs.size() == 1 ? "has" : "have"));
  const int code = jobs.empty() ? exit_code::node_failed : exit_code::ok;
  if (auto kept = keep_on_chosen_nodes(jobs, word, context.cluster); !kept)
    co_return std::unexpected(kept.error());
  auto& results = answer_fields()["results"] = Json::array();
  BringOptions bring{.folder = options.target(), .document = &results};
  const auto& chosen = context.cluster.nodes;
  if (chosen.size() < context.cluster.inventory.nodes.size()) bring.from = &chosen;
  const int with_results = co_await bring_results(context, std::move(jobs), code, std::move(bring));
  co_return with_results;
}

/// `ended` stays empty if the word is a path.
asio::awaitable<int> pull_job(CommandContext& context, const CopyOptions& options, const PullFlags& flags,
                              std::optional<Result<int>>& ended) {
  ended = co_await pull_results(context, options, flags);
  if (ended && *ended) co_return **ended;
  co_return exit_code::ok;
}

/// A word that may be a job needs the loop twice: for the question to the master, and for the pull if the
/// word is a path.
Result<int> run_pull(const CopyOptions& options, const PullFlags& flags, const CommonOptions& common) {
  TRY_AS(cluster, open_cluster(options.list));
  TRY(check_remote_paths("pull", options.sources(), *cluster));
  TRY(refuse_host_in_target("pull", options.target()));
  // In other commands --exclude is for nodes; as a pattern a node would leave out nothing.
  TRY(check_excluded_paths(flags.exclude, *cluster));
  TRY_AS(job, plan_job(options, flags, cluster->nodes));
  TRY_AS(access, open_access(*cluster, options.connect));
  const auto flow = fleet_options(*cluster, options.connect, options.fleet);
  if (may_be_job(options, *cluster)) {
    std::optional<Result<int>> ended;
    const int code = run_on_loop(*cluster, *access, flow, common, [&](CommandContext& context) {
      return pull_job(context, options, flags, ended);
    });
    if (ended) return *ended ? Result<int>(code) : *ended;
  }
  FleetCommand command{.style = {.json_lines = flags.json_lines,
                                 .doing = "pull",
                                 .progress =
                                     [job = *job, began = Clock::now()] {
                                       return transfer_words(total_of(*job).bytes, job->planned, "",
                                                             Clock::now() - began);
                                     },
                                 .detail = [job = *job] { return detail_of(*job); }},
                       .task = ops::pull_task(*job)};
  if (flags.json) {
    command.output = [numbers = numbers_of(*job), nodes = cluster->nodes.size()](Console& console) {
      return json_output(console, nodes, "pull", numbers);
    };
  }
  return run_fleet_command(*cluster, *access, flow, common, std::move(command));
}

void add_pull_flags(CLI::App& command, PullFlags& flags) {
  add_flag(command, "--flat", flags.flat,
           "DST/name.node1, DST/name.node2, ... in place of a folder for each node");
  add_flag(command, "--follow", flags.follow, "Continue until Ctrl-C: fetch appended data and new files");
  add_flag(command, "-c,--checksum", flags.checksum,
           "Compare contents; else size and time of the last change");
  add_flag(command, "--sudo", flags.sudo, "Read the files as root, by a sudo that asks for no password");
  add_flag(command, "-n,--dry-run", flags.dry_run, "List files to copy; change nothing");
  add_option(command, "--exclude", flags.exclude,
             "Leave out matching files of the sources; written as in a .gitignore. May be repeated")
      .type_name("PATTERN")
      .allow_extra_args(false);
  add_option(command, "--max-size", flags.max_size,
             "Copy nothing from a node whose files would make it more than this in all: 500M, 20G")
      .type_name("SIZE")
      .transform(size());
  const auto json =
      add_flag(command, "--json", flags.json, "Every node's outcome and counts as JSON on standard output");
  add_flag(command, "--json-lines", flags.json_lines, "One JSON object for each event, while it happens")
      .excludes(json);
}

}  // namespace

void add_pull_command(CLI::App& app, Dispatch& dispatch) {
  auto flags = std::make_shared<PullFlags>();
  auto& command = add_copy_command(
      app, dispatch,
      {.name = "pull",
       .description = "Copies files and folders from the chosen nodes, from all at once; only what differs",
       .example = "ec2mpi pull results/ out/                   out/node1/results, out/node2/results, ...\n"
                  "  ec2mpi pull results/. out/                  out/node1/..., without results, as results/ "
                  "in rsync\n"
                  "  ec2mpi pull -w master log.txt today.txt     from one node: as scp does\n"
                  "  ec2mpi pull --flat 'results/*.csv' csv/     csv/a.csv.node1, csv/a.csv.node2, ...\n"
                  "  ec2mpi pull --follow 'logs/*.log' logs/     while the job runs; Ctrl-C ends it\n"
                  "  ec2mpi pull spread out/                     the results of a job or series, out/ID/...",
       .paths =
           "Files and folders on the nodes, and their place here. From several nodes: DST/node1, DST/node2, "
           "..., "
           "or "
           "where {node} or {index} in DST says. From one: DST is a folder if it is one, ends in / or takes "
           "several "
           "SRC; else it is the new name",
       .run = [flags](const CopyOptions& options, const CommonOptions& common) {
         return run_pull(options, *flags, common);
       }});
  add_pull_flags(command, *flags);
}

}  // namespace ec2mpi::cli
