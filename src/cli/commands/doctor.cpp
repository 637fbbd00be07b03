// `ec2mpi doctor`: the nodes report about themselves and try each other (ops/doctor), pure checks judge the
// reports, and the view shows the findings with a command and a fix each.
#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cli/views/doctor_view.hpp"
#include "ec2mpi/cli/views/fleet_view.hpp"
#include "ec2mpi/ops/doctor/doctor.hpp"
#include "ec2mpi/ops/node/remote_path.hpp"
#include "src/cli/commands/bench.hpp"

namespace ec2mpi::cli {

namespace {

struct DoctorOptions {
  ListOptions list;
  ConnectOptions connect;
  FleetFlags fleet;
  std::vector<std::string> files;
  double patience = 0;  ///< seconds; 0 = the usual
  bool fix = false;
  bool bench = false;
  bool json = false;
};

/// The same rule as for the exit code: warnings never count as a failure.
std::string verdict_line(const std::vector<ops::Check>& checks) {
  std::size_t failed = 0;
  std::size_t warned = 0;
  for (const auto& check : checks) {
    failed += check.verdict == ops::Check::Verdict::failed ? 1 : 0;
    warned += check.verdict == ops::Check::Verdict::warning ? 1 : 0;
  }
  if (failed == 0 && warned == 0) return "all is well";
  const auto warnings = warned == 0 ? std::string() : " · " + count_of(warned, "warning");
  return failed == 0 ? "nothing keeps MPI from running" + warnings
                     : fmt::format("{} failed{}", count_of(failed, "check"), warnings);
}

/// The benchmark comes last, because it needs idle nodes, and not after the time limit.
asio::awaitable<int> examine(CommandContext& context, const DoctorOptions& options, ops::DoctorPlan plan) {
  auto& runtime = context.runtime;
  FleetView progress(runtime.console(), runtime.executor(), context.cluster.nodes,
                     {.quiet = true, .doing = "doctor"});
  const auto started = Clock::now();
  FleetContext fleet{context.connector, context.flow, progress, runtime.stop()};
  const auto end = co_await ops::run_doctor(std::move(plan), std::move(fleet));
  auto& console = runtime.console();
  console.status("");
  if (end.ending == Ending::interrupted) {
    console.talk(console.paint_talk(Colour::yellow, "ec2mpi: interrupted"));
    co_return exit_code::interrupted;
  }
  const bool is_late = context.flow.whole_timeout > Clock::duration::zero() &&
                       Clock::now() - started >= context.flow.whole_timeout;
  // After the time limit, the records have the answers that were there by then.
  auto checks = ops::diagnose(end.records, options.files);
  BenchResult bench;
  if (options.bench && !is_late) {
    bench = co_await measure_nodes(context, ops::kUsualLimit);
    if (bench.code == exit_code::interrupted) co_return bench.code;
    checks.insert(checks.end(), bench.checks.begin(), bench.checks.end());
  }
  const bool well = ops::all_well(checks) && bench.code == exit_code::ok;
  if (options.json)
    console.result(checks_json(checks, speeds_json(bench.speeds)));
  else
    show_checks(console, checks);
  // -q leaves out good news only.
  if (!well || !runtime.options().quiet)
    console.talk(
        console.paint_talk(well ? Colour::green : Colour::yellow,
                           fmt::format("{} · {} · {}", count_of(end.records.size(), "node"),
                                       verdict_line(checks), format_duration(Clock::now() - started))));
  if (is_late) {
    console.talk(
        console.paint_talk(Colour::yellow, "ec2mpi: time limit reached; these are the results so far"));
    co_return exit_code::timed_out;
  }
  co_return well ? exit_code::ok : exit_code::node_failed;
}

/// First the files, then list and keys: nothing of that needs a connection.
Result<int> run_doctor(const DoctorOptions& options, const CommonOptions& common) {
  ops::DoctorPlan plan{.nodes = {}, .files = {}, .end_leftovers = options.fix, .patience = {}};
  if (options.patience > 0) plan.patience = seconds(options.patience);
  for (const auto& file : options.files) {
    // A word that is no path on a node is refused before anything connects.
    TRY_AS(path, ops::remote_path(file));
    plan.files.push_back(std::move(*path));
  }
  TRY_AS(cluster, open_cluster(options.list));
  TRY_AS(access, open_access(*cluster, options.connect));
  plan.nodes = cluster->nodes;
  const auto flow = fleet_options(*cluster, options.connect, options.fleet);
  return run_on_loop(*cluster, *access, flow, common,
                     [&](CommandContext& context) { return examine(context, options, std::move(plan)); });
}

}  // namespace

void add_doctor_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<DoctorOptions>();
  auto& command =
      add_command(app, "doctor", "Finds the faults that keep MPI from running, and prints the fix of each",
                  "ec2mpi doctor\n  ec2mpi doctor train.py proj/     also compares these between all nodes\n"
                  "  ec2mpi doctor --bench                names the node that is slower than the others");
  add_selection_options(command, options->list);
  add_connect_options(command, options->connect);
  add_option(command, "files", options->files,
             "Files or folders of the nodes that must be the same everywhere")
      .type_name("FILE");
  add_option(command, "-u,--command-timeout", options->patience,
             "Time for a node to report about itself [45]")
      .type_name("TIME")
      .transform(time_from(0.001, 1e8));
  add_option(command, "--timeout", options->fleet.whole_timeout,
             "Time for everything; doctor then shows its results so far [no limit]")
      .type_name("TIME")
      .transform(time_from(0, 1e8))
      .envname("EC2MPI_TIMEOUT");
  add_flag(command, "--fix", options->fix,
           "End ranks that earlier jobs left behind; all other fixes are for you to type");
  add_flag(command, "--bench", options->bench,
           "Also measure the nodes (processors, memory, lost time, network), and name slow ones");
  add_flag(command, "--json", options->json, "As one JSON document");
  set_work(command, dispatch, options, run_doctor);
}

}  // namespace ec2mpi::cli
