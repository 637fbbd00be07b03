#include "src/cli/commands/net.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cli/session/world.hpp"
#include "ec2mpi/cli/views/fleet_view.hpp"
#include "ec2mpi/cli/views/job_view.hpp"
#include "ec2mpi/cli/views/net_view.hpp"
#include "ec2mpi/fleet/gather.hpp"
#include "ec2mpi/ops/doctor/diagnosis.hpp"
#include "ec2mpi/ops/doctor/doctor.hpp"
#include "ec2mpi/ops/doctor/net.hpp"
#include "ec2mpi/ops/job/run.hpp"
#include "ec2mpi/ops/mpi/hints.hpp"

namespace ec2mpi::cli {

namespace {

/// Bytes. A node that prints without an end must not fill the memory here.
constexpr std::size_t kMostPrinted = 64 << 20;

struct NetOptions {
  ListOptions list;
  ConnectOptions connect;
  bool json = false;
  bool serial = false;
  std::string svg;
};

/// Keeps the output of the measuring program; its last line is the progress.
class NetView : public JobView {
 public:
  NetView(Console& console, const CommonOptions& options, const std::string& id)
      : JobView(console, options, id, {}), console_(console) {}

  void on_output(const ssh::Chunk& chunk) override {
    if (printed_.size() + chunk.bytes.size() > kMostPrinted) return;
    printed_ += chunk.bytes;
    if (const auto round = ops::net_progress(printed_); !round.empty())
      console_.status("measuring: round " + round);
  }

  [[nodiscard]] const std::string& printed() const { return printed_; }

 private:
  Console& console_;
  std::string printed_;
};

/// The program's output besides its measurements is the reason of its failure.
void tell_failure(Console& console, const std::string& printed) {
  console.talk_printed(printed);
  const auto hint = ops::hint_for(printed);
  console.talk(console.paint_talk(Colour::yellow,
                                  "hint: " + (hint ? hint->text() : "ec2mpi doctor looks for the reason")));
}

/// The map or the JSON on standard output, and the picture in its file. Errors: local_io.
Result<void> show(Console& console, const NetOptions& options, const ops::NetMap& map) {
  if (options.json)
    console.result(net_json(map));
  else
    show_net(console, map);
  if (options.svg.empty()) return {};
  return write_file_atomically(options.svg, ops::net_svg(map), 0644);
}

/// mpirun waits without an end for a node whose ports do not answer, so the ports are tried first: all pairs
/// at once, at most 11 s each. Returns the exit code if nothing can be measured; the reason has been printed.
/// Other troubles are left to the job, which reports them.
asio::awaitable<std::optional<int>> find_silent_pairs(CommandContext& context) {
  auto& runtime = context.runtime;
  auto& console = context.console();
  FleetView progress(console, runtime.executor(), context.cluster.nodes, {.quiet = true, .doing = "net"});
  ops::DoctorPlan plan{.nodes = context.cluster.nodes, .files = {}, .steps = ops::DoctorSteps::ports};
  FleetContext fleet{context.connector, context.flow, progress, runtime.stop()};
  const auto end = co_await ops::run_doctor(std::move(plan), std::move(fleet));
  console.status("");
  if (end.ending == Ending::interrupted) {
    console.talk(console.paint_talk(Colour::yellow, "ec2mpi: interrupted"));
    co_return exit_code::interrupted;
  }
  const auto ports = ops::diagnose_ports(end.records);
  if (ports.verdict != ops::Check::Verdict::failed) co_return std::nullopt;
  for (const auto& finding : ports.findings) {
    console.talk(console.paint_talk(
        Colour::red,
        fmt::format("ec2mpi: the nodes do not reach each other's ports, so nothing was measured: {}: {}",
                    short_nodes_label(finding.nodes), finding.what)));
    if (!finding.fix.empty()) console.talk(console.paint_talk(Colour::yellow, "hint: " + finding.fix));
  }
  co_return exit_code::node_failed;
}

asio::awaitable<int> measure(CommandContext& context, const NetOptions& options) {
  if (const auto code = co_await find_silent_pairs(context)) co_return *code;
  const auto measured = co_await measure_net(context, options.serial);
  if (!measured.map) co_return measured.code;
  const auto shown = show(context.console(), options, *measured.map);
  if (!shown) context.console().talk("ec2mpi: " + shown.error().message);
  co_return shown ? exit_code::ok : exit_code::node_failed;
}

Result<int> run_net(const NetOptions& options, const CommonOptions& common) {
  // Looked at before the measurement, which a wrong path would otherwise waste.
  std::error_code ignored;
  const auto folder = std::filesystem::path(options.svg).parent_path();
  if (!options.svg.empty() && !folder.empty() && !std::filesystem::is_directory(folder, ignored))
    return fail(ErrorKind::usage, fmt::format("--svg: there is no folder {}", printable(folder.string())));
  TRY_AS(cluster, open_cluster(options.list));
  if (cluster->nodes.size() < 2) return fail(ErrorKind::usage, "a network takes two nodes; this is one");
  TRY_AS(access, open_access(*cluster, options.connect));
  const auto flow = fleet_options(*cluster, options.connect, {});
  return run_on_loop(*cluster, *access, flow, common,
                     [&options](CommandContext& context) { return measure(context, options); });
}

}  // namespace

/// The measurement is a job, so it is limited, cancelled and cleaned up like every other one.
asio::awaitable<NetMeasured> measure_net(CommandContext& context, bool serial) {
  auto& [runtime, cluster, access, connector, flow] = context;
  JobSpec job;
  job.id = ops::make_job_id("net", runtime.options().world->now());
  job.command = ops::net_command(serial);
  // `ec2mpi report` finds the newest measurement by this text.
  job.shown_as = "ec2mpi net";
  // parse_net takes rank 0 for the first node, and so on.
  job.ranks.per_node = 1;
  job.mca = {{"mpi_yield_when_idle",
              "1"}};  // a rank that waits for its round must not take a core from a rank that measures
  NetView view(runtime.console(), runtime.options(), job.id);
  runtime.set_parting_words([&view] { return view.parting_words(); });
  ops::JobContext run{connector, flow, view, {.stop = runtime.stop(), .detach = {}}};
  ops::JobNodes nodes{cluster.nodes, cluster.inventory.master()};
  const auto end = co_await ops::run_job(std::move(job), std::move(nodes), std::move(run));
  // The words refer to the view, which ends with this function.
  runtime.set_parting_words({});
  auto& console = runtime.console();
  console.status("");
  view.conclude(end);
  const int code = ops::exit_code_for(end);
  NetMeasured measured{.code = code, .map = std::nullopt};
  if (code == exit_code::interrupted) co_return measured;
  std::vector<int> indices;
  for (const auto& node : cluster.nodes) indices.push_back(node.index);
  auto map = ops::parse_net(view.printed(), indices);
  if (code != exit_code::ok || !map) {
    // The reason is in the output of the program, which NetView has kept to itself.
    if (!view.printed().empty()) tell_failure(console, view.printed());
    if (code == exit_code::ok) console.talk("ec2mpi: " + map.error().message);
    if (code != exit_code::not_started) measured.code = exit_code::node_failed;
    co_return measured;
  }
  measured.map = std::move(*map);
  co_return measured;
}

void add_net_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<NetOptions>();
  auto& command = add_command(app, "net", "Measures latency and bandwidth between all pairs of nodes",
                              "ec2mpi net --svg network.svg");
  add_selection_options(command, options->list);
  add_connect_options(command, options->connect);
  add_flag(command, "--json", options->json, "As one JSON document");
  add_option(command, "--svg", options->svg, "Also write the map as a picture")
      .check(output_file())
      .type_name("FILE");
  add_flag(command, "--serial", options->serial,
           "Measure one pair at a time: takes longer, but no other pair uses the network");
  set_work(command, dispatch, options, run_net);
}

}  // namespace ec2mpi::cli
