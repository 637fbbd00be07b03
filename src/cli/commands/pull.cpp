#include "ec2mpi/ops/pull/pull.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <memory>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "src/cli/commands/copy.hpp"

namespace ec2mpi::cli {

namespace {

constexpr std::size_t kStreamsInAll = 8;  // a downlink is full with these
constexpr std::size_t kStreamsToANode = 4;

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

Result<int> run_pull(const CopyOptions& options, const PullFlags& flags, const CommonOptions& common) {
  TRY_AS(cluster, open_cluster(options.list));
  TRY(check_remote_paths("pull", options.sources(), *cluster));
  // In other commands --exclude is for nodes; as a pattern a node would leave out nothing.
  TRY(check_excluded_paths(flags.exclude, *cluster));
  TRY_AS(job, plan_job(options, flags, cluster->nodes));
  TRY_AS(access, open_access(*cluster, options.connect));
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
  const auto flow = fleet_options(*cluster, options.connect, options.fleet);
  return run_fleet_command(*cluster, *access, flow, common, std::move(command));
}

void add_pull_flags(CLI::App& command, PullFlags& flags) {
  command.add_flag("--flat", flags.flat,
                   "DST/name.node1, DST/name.node2, ... in place of a folder for each node");
  command.add_flag("--follow", flags.follow, "Continue until Ctrl-C: fetch appended data and new files");
  command.add_flag("-c,--checksum", flags.checksum,
                   "Compare contents; else size and time of the last change");
  command.add_flag("--sudo", flags.sudo, "Read the files as root, by a sudo that asks for no password");
  command.add_flag("-n,--dry-run", flags.dry_run, "List files to copy; change nothing");
  command
      .add_option("--exclude", flags.exclude,
                  "Leave out matching files of the sources; written as in a .gitignore. May be repeated")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  command
      .add_option("--max-size", flags.max_size,
                  "Copy nothing from a node whose files would make it more than this in all: 500M, 20G")
      ->type_name("SIZE")
      ->transform(size());
  auto* json =
      command.add_flag("--json", flags.json, "Every node's outcome and counts as JSON on standard output");
  command.add_flag("--json-lines", flags.json_lines, "One JSON object for each event, while it happens")
      ->excludes(json);
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
                  "  ec2mpi pull --follow 'logs/*.log' logs/     while the job runs; Ctrl-C ends it",
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
