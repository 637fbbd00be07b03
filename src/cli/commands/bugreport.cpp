// `ec2mpi bugreport`: collects texts (versions, the list in numbers, the log of the last command, doctor's
// answers), hides what names nodes, and writes one file. It sends nothing.

#include <fmt/format.h>
#include <sys/utsname.h>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/base/usual_name.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/log.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cli/session/usage.hpp"
#include "ec2mpi/cli/terminal/answer.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cli/views/doctor_view.hpp"
#include "ec2mpi/cli/views/fleet_view.hpp"
#include "ec2mpi/cli/views/without_addresses.hpp"
#include "ec2mpi/ops/doctor/doctor.hpp"

namespace ec2mpi::cli {

namespace {

constexpr const char* kUsualFile = "ec2mpi-bugreport.txt";
constexpr const char* kFirstPart = "versions";

struct ReportOptions {
  ListOptions list;
  ConnectOptions connect;
  std::optional<std::string> file;  ///< that the user has named
  bool addresses = false;
  bool offline = false;
};

std::string heading(std::string_view title) {
  return fmt::format("== {} ==\n", title);
}

/// Each part has a title, so that an empty one shows.
std::string part(std::string_view title, std::string_view text) {
  return fmt::format("{}{}\n\n", heading(title), trim(text));
}

/// Kernel and distribution. An image without /etc/os-release is described by its kernel only.
std::string describe_machine() {
  utsname machine{};
  ::uname(&machine);
  auto text = fmt::format("{} {} {}\n", machine.sysname, machine.release, machine.machine);
  const auto release = read_file("/etc/os-release").value_or("");
  for (const auto line : split(release, '\n'))
    if (line.starts_with("PRETTY_NAME=")) text += line;
  return text;
}

/// Numbers only: names and values of settings may say more than the user wants to show.
std::string describe_list(const Cluster& cluster) {
  const auto& config = cluster.config;
  return fmt::format("{}, {} left out; {} selected\nsettings: {}, {}{}{}",
                     count_of(cluster.inventory.nodes.size(), "node"), cluster.inventory.skipped.size(),
                     cluster.nodes.size(), count_of(config.jobs.size(), "job"),
                     count_of(config.groups.size(), "group"), config.mpirun ? ", mpirun" : "",
                     config.persist ? ", persist" : "");
}

asio::awaitable<int> examine(CommandContext& context, std::string& answers) {
  auto& runtime = context.runtime;
  FleetView progress(runtime.console(), runtime.executor(), context.cluster.nodes,
                     {.quiet = true, .doing = "doctor"});
  // The report changes nothing on the nodes, so leftovers are named and not ended.
  ops::DoctorPlan plan{.nodes = context.cluster.nodes, .files = {}, .end_leftovers = false, .patience = {}};
  FleetContext fleet{context.connector, context.flow, progress, runtime.stop()};
  const auto end = co_await ops::run_doctor(std::move(plan), std::move(fleet));
  context.console().status("");
  if (end.ending == Ending::interrupted) co_return exit_code::interrupted;
  answers = checks_json(ops::diagnose(end.records, {}));
  co_return exit_code::ok;
}

/// The answers of doctor, or why there are none.
/// A report is needed most where nobody can connect, so that failure is a part of its text. `code`
/// is not 0 if the user has interrupted it.
std::string ask_doctor(const ReportOptions& options, Cluster& cluster, const CommonOptions& common,
                       int& code) {
  auto access = open_access(cluster, options.connect);
  if (!access) return access.error().message;
  std::string answers;
  const auto flow = fleet_options(cluster, options.connect, {});
  code = run_on_loop(cluster, *access, flow, common,
                     [&answers](CommandContext& context) { return examine(context, answers); });
  return answers;
}

Result<int> run_bugreport(const ReportOptions& options, const CommonOptions& common) {
  if (!options.file) TRY(spare_file_of_user(kUsualFile, heading(kFirstPart), "-o"));
  TRY_AS(cluster, open_cluster(options.list));
  // The doctor is a command too, and begins its own log.
  TRY_AS(log, cluster->state.read(kLogFile));
  auto text = part(kFirstPart, describe_versions()) + part("this machine", describe_machine()) +
              part("list", describe_list(*cluster)) +
              part("log of the last command", log->value_or("there is none"));
  int code = exit_code::ok;
  if (!options.offline) text += part("doctor", ask_doctor(options, *cluster, common, code));
  if (code != exit_code::ok) return code;
  // Over the whole text: the log and the answers name nodes as well as the list does.
  if (!options.addresses) text = without_addresses(text, cluster->inventory);
  // Other users of this machine may not read it before the user has.
  const auto file = options.file.value_or(kUsualFile);
  TRY((options.file ? write_file_atomically : write_own_file)(file, text, 0600));
  answer_fields()["file"] = file;
  print_talk(fmt::format("ec2mpi: the report is in {}; read it before you send it\n", printable(file)));
  return exit_code::ok;
}

}  // namespace

void add_bugreport_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<ReportOptions>();
  auto& command = add_command(app, "bugreport",
                              "Writes a file for a bug report: versions, the log of the last command, and "
                              "doctor's answers; no keys, no values that you typed, no addresses",
                              "ec2mpi bugreport -o report.txt");
  add_selection_options(command, options->list);
  add_connect_options(command, options->connect);
  add_option(command, "-o,--output", options->file, "The file [ec2mpi-bugreport.txt]")
      .check(output_file())
      .type_name("FILE");
  add_flag(command, "--addresses", options->addresses,
           "Keep addresses, names and instance ids, which are hidden otherwise");
  add_flag(command, "--offline", options->offline, "Ask no node");
  set_work(command, dispatch, options, run_bugreport);
}

}  // namespace ec2mpi::cli
