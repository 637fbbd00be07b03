#include "src/cli/commands/bring_results.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/views/profile_view.hpp"
#include "ec2mpi/fleet/gather.hpp"
#include "ec2mpi/ops/job/results.hpp"
#include "src/cli/commands/run_fleet.hpp"

namespace ec2mpi::cli {

namespace {

// The counters of a thousand ranks that send to each other take some 28 MB.
constexpr std::size_t kLargestProfile = 64 << 20;

/// Brings the results of one job; lives as long as its coroutine.
struct Bringer {
  CommandContext& context;
  ops::JobRecord job;
  const BringOptions& options;  ///< its folder gets one of the job's id
  Json told = {};               ///< for the document

  void say(Colour colour, const std::string& text) const {
    auto& console = context.console();
    console.talk(console.paint_talk(colour, "ec2mpi: " + text));
  }

  /// The command that brings the job's results.
  [[nodiscard]] std::string again() const {
    if (options.from != nullptr) return "the same command";
    if (options.folder == "results") return "ec2mpi attach " + job.id;
    return fmt::format("ec2mpi pull {} {}", job.id, printable(quote_word(options.folder)));
  }

  /// The job itself has succeeded, so the message says that first. Always returns false.
  bool give_up(const std::string& why) const {
    say(Colour::red, fmt::format("{0} has succeeded, but not all of its results are here: {1}; {2} tries "
                                 "again",
                                 job.id, why, again()));
    return false;
  }

  /// Takes the paths out of the record that nobody here has asked for. Returns whether there were none.
  /// A master that was taken over could name any file of the other nodes.
  [[nodiscard]] bool drop_unexpected_paths() {
    std::vector<std::string> entries;
    for (const auto& [name, spec] : context.cluster.config.jobs)
      entries.insert(entries.end(), spec.pull.begin(), spec.pull.end());
    const auto unexpected = ops::unexpected_paths(job, entries);
    for (const auto& path : unexpected) {
      std::erase(job.pull, path);
      say(Colour::red,
          fmt::format("{}: the master names {} as a result, but no pull in ec2mpi.toml here does; not "
                      "brought. If you want it: ec2mpi pull {} DIRECTORY",
                      job.id, printable(path), printable(quote_word(path))));
    }
    return unexpected.empty();
  }

  /// Whether it succeeded on all nodes. If not, the reason has been printed.
  [[nodiscard]] asio::awaitable<bool> pull(std::vector<Node> nodes, NodeTask task) const {
    // `-w failed` continues to mean the nodes that failed in the user's own command.
    FleetCommand command{.style = {.quiet = true, .doing = "results"},
                         .nodes = std::move(nodes),
                         .task = std::move(task),
                         .names_nodes_at_work = false,
                         .remembers_failures = false};
    const auto report = co_await run_fleet(context, std::move(command));
    co_return exit_code_for(report) == exit_code::ok;
  }

  /// Rank 0 writes most results, so many nodes lack a path. It is missing if all of them lack it.
  [[nodiscard]] std::string missing_in(const ops::ResultsPull& results) const {
    std::string missing;
    for (std::size_t i = 0; i < results.found.size(); ++i) {
      if (!results.found[i]) missing += (missing.empty() ? "" : ", ") + printable(results.paths[i]);
    }
    return missing;
  }

  asio::awaitable<bool> bring() {
    // The folder is marked as unfinished until all is in it; `attach` continues in a marked one.
    const auto own_folder = ops::claim_results_folder(options.folder, job);
    if (!own_folder) co_return give_up(printable(own_folder.error().message));
    told["folder"] = printable(own_folder->path.string());
    if (own_folder->complete) {
      told["complete"] = true;
      if (!context.runtime.options().quiet)
        say(Colour::dim, "its results are here: " + own_folder->path.string());
      co_return true;
    }
    const auto& listed = context.cluster.inventory.nodes;
    const auto nodes = ops::nodes_of_job(job, options.from != nullptr ? *options.from : listed);
    const bool is_part = nodes.size() < ops::nodes_of_job(job, listed).size();
    if (nodes.empty()) co_return give_up("the list does not have its nodes any more");
    const auto results = ops::plan_results(job, nodes, own_folder->path);
    const auto& master = context.master();
    const auto own = ops::plan_job_folder(job, master, own_folder->path);
    if (!results || !own) co_return give_up(printable((results ? own.error() : results.error()).message));
    auto task = ops::results_task(*results);
    const bool brought = co_await pull(nodes, std::move(task));
    const auto all = total_of(**results);
    told["files_copied"] = all.copied;
    told["bytes"] = all.bytes;
    if (!brought) co_return give_up("see above");
    const auto missing = missing_in(**results);
    // The nodes that were not chosen may have the missing paths; if no path at all was found, the user is
    // told.
    if (!missing.empty() && (!is_part || !std::ranges::count((*results)->found, true)))
      co_return give_up(fmt::format("no {}node has {}", is_part ? "chosen " : "", missing));
    auto own_task = ops::pull_task(*own);
    // The job's own folder comes last: it explains results that are complete.
    std::vector<Node> only_master = {master};
    const bool explained = co_await pull(std::move(only_master), std::move(own_task));
    if (!explained) co_return give_up("see above");
    write_profile(own_folder->path / "job");
    if (!is_part) {
      if (auto complete = ops::complete_results_folder(own_folder->path); !complete)
        co_return give_up(printable(complete.error().message));
    }
    told["complete"] = !is_part;
    tell(**results, own_folder->path.string(), is_part);
    co_return true;
  }

  /// What the counters of --profile mean, beside them.
  void write_profile(const std::filesystem::path& own) const {
    const auto text = job.profile ? read_file(own / "profile", kLargestProfile) : Result<std::string>();
    if (!job.profile || !text) return;
    const auto profile = ops::parse_profile(*text, job.ended);
    if (!profile) return;
    const auto written =
        write_own_file(own / "profile.json", dump_json(profile_json(*profile, job.id, job.np)) + "\n", 0644);
    if (!written) say(Colour::yellow, printable(written.error().message));
  }

  [[nodiscard]] static ops::PullCounts total_of(const ops::ResultsPull& results) {
    ops::PullCounts all;
    for (const auto& [index, counts] : results.pull->counts) {
      all.copied += counts.copied;
      all.bytes += counts.bytes;
    }
    return all;
  }

  /// Where the results are now, and which nodes had any.
  void tell(const ops::ResultsPull& results, const std::string& path, bool is_part) const {
    if (context.runtime.options().quiet) return;
    const auto all = total_of(results);
    std::vector<int> from;
    for (const auto& [index, counts] : results.pull->counts) {
      if (counts.copied > 0) from.push_back(index);
    }
    say(Colour::dim,
        fmt::format("{}: {} from {} · {}{}", path, count_of(all.copied, "file"),
                    from.empty() ? "the nodes" : nodes_label(from), format_bytes(all.bytes),
                    is_part ? " · only of the chosen nodes; without -w and -x the others follow" : ""));
  }
};

}  // namespace

asio::awaitable<int> bring_results(CommandContext& context, std::vector<ops::JobRecord> jobs, int code,
                                   BringOptions options) {
  auto& runtime = context.runtime;
  // The job is over: a signal ends this command now, and does not leave a job running.
  runtime.end_detach();
  bool all = true;
  for (const auto& job : jobs) {
    if (!ops::has_results(job)) continue;
    if (runtime.stop().stop_requested()) {
      all = false;
      break;
    }
    Bringer bringer{context, job, options};
    bringer.told = {
        {"job", job.id}, {"folder", nullptr}, {"complete", false}, {"files_copied", 0}, {"bytes", 0}};
    runtime.set_parting_words([words = fmt::format("{} has succeeded; {} fetches its results.", job.id,
                                                   bringer.again())] { return words; });
    const bool expected = bringer.drop_unexpected_paths();
    all = all && expected;
    if (!bringer.job.pull.empty()) {
      const bool brought = co_await bringer.bring();
      all = all && brought;
    }
    if (options.document != nullptr) options.document->push_back(std::move(bringer.told));
  }
  runtime.set_parting_words({});
  // The exit code of a job that has failed says more than missing results do.
  co_return all || code != exit_code::ok ? code : static_cast<int>(exit_code::node_failed);
}

}  // namespace ec2mpi::cli
