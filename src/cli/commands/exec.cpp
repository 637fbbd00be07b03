// `ec2mpi exec` and `exec-all`: one command, or one script, on the chosen nodes. The flags become an ExecPlan
// (ops/exec) and the view that shows the nodes' output; run_fleet does the rest.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <CLI/CLI.hpp>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/cli/terminal/passphrase.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cli/views/exec_output.hpp"
#include "ec2mpi/ops/exec/exec.hpp"
#include "src/cli/commands/run_fleet.hpp"
#include "src/cli/commands/script_text.hpp"

namespace ec2mpi::cli {

namespace {

struct ExecOptions {
  ListOptions list;
  ConnectOptions connect;
  FleetFlags fleet;
  bool no_labels = false;
  bool raw = false;
  bool gather = false;
  bool differences = false;
  bool json = false;
  std::string folder;
  std::string input;
  std::string script;
  bool sudo = false;
  bool dry_run = false;
  bool chooses_nodes = false;  ///< exec, not exec-all; one node's own status is ours
  std::vector<std::string> command;
};

/// Standard input may be a pipe, and every node reads at its own pace: keep it in a file without a name.
Result<UniqueFd> spool_standard_input() {
  const auto folder = std::filesystem::temp_directory_path();
  // The kernel frees a file without a name with its last descriptor, however ec2mpi ends.
  UniqueFd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) return io_error("make a temporary file in", folder);
  std::string block(64 * 1024, '\0');
  for (;;) {
    const auto got = ::read(STDIN_FILENO, block.data(), block.size());
    if (got == 0) return file;
    if (got < 0) return io_error("read", "standard input");
    const std::string_view bytes(block.data(), static_cast<std::size_t>(got));
    TRY(write_all(file.get(), bytes, folder));
  }
}

/// Each node reads it from the beginning, so it must be a plain file. O_NONBLOCK: the opening of a pipe waits
/// for a writer. Errors: usage, local_io.
Result<UniqueFd> open_input(const std::string& name) {
  if (name == "-") return spool_standard_input();
  UniqueFd file(::open(name.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) return io_error("read", name);
  if (!S_ISREG(info.st_mode))
    return fail(ErrorKind::usage, printable(name) + " is not a plain file; use --stdin - for a pipe");
  return file;
}

/// Bytes on standard input, in a pipe or a file, that only this command could be meant to read, and not the
/// loop (while read node; do ec2mpi exec ...) or the shell that has started it. Those have read a part of a
/// file already, and have the same pipe on their own standard input. (A file is there in any case: dash
/// redirects itself before it forks.) Never waits; a pipe that is empty so far counts as none.
bool has_own_input() {
  struct stat ours {};
  struct stat parents {};
  if (::fstat(STDIN_FILENO, &ours) != 0) return false;
  if (S_ISREG(ours.st_mode)) return ours.st_size > 0 && ::lseek(STDIN_FILENO, 0, SEEK_CUR) == 0;
  int waiting = 0;
  if (!S_ISFIFO(ours.st_mode) || ::ioctl(STDIN_FILENO, FIONREAD, &waiting) != 0 || waiting == 0) return false;
  // A parent that we may not look at might be such a loop.
  return ::stat(fmt::format("/proc/{}/fd/0", ::getppid()).c_str(), &parents) == 0 &&
         (parents.st_dev != ours.st_dev || parents.st_ino != ours.st_ino);
}

/// Behind a command in quotes, a flag of ours was hardly meant for the command.
Result<void> check_behind(const ExecOptions& options, const CLI::App& flags) {
  const auto& words = options.command;
  if (!options.script.empty() || words.size() < 2 || words.front().find(' ') == std::string::npos) return {};
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto name = words[i].substr(0, words[i].find('='));
    if (name.size() < 2 || name.front() != '-' || flags.get_option_no_throw(name) == nullptr) continue;
    return fail(
        ErrorKind::usage,
        fmt::format("{0} stands behind the command, and would be its own: ec2mpi {1} {0} ... {2}; if it is "
                    "meant for the command, put it into the quotes",
                    name, flags.get_name(), printable(quote_word(words.front()))));
  }
  return {};
}

/// A program that its first line does not name an interpreter for would be read by a shell.
Result<void> check_interpreter(const std::string& file, std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> kLanguages[] = {
      {".py", "python3"}, {".pl", "perl"},  {".rb", "ruby"},
      {".R", "Rscript"},  {".jl", "julia"}, {".lua", "lua"}};
  for (const auto& [ending, program] : kLanguages)
    if (file.ends_with(ending) && !text.starts_with("#!"))
      return fail(ErrorKind::usage,
                  fmt::format("{} has no first line for its language: write #!/usr/bin/env {} "
                              "above it",
                              printable(file), program));
  return {};
}

/// `exec` alone does not mean all nodes: that is what exec-all is for. Errors: usage.
Result<void> check_words(const ExecOptions& options) {
  if (options.chooses_nodes && options.list.wanted.empty() && options.list.excluded.empty())
    return fail(ErrorKind::usage, "on which nodes? exec takes -w NODES; ec2mpi exec-all runs it on all");
  return {};
}

Result<ops::ExecPlan> make_plan(const ExecOptions& options, const Cluster& cluster) {
  ops::ExecPlan plan;
  plan.count = static_cast<int>(cluster.inventory.nodes.size());
  plan.master = cluster.inventory.master().address;
  plan.sudo = options.sudo;
  // A command is shell text, as with ssh; arguments of a script arrive as they were typed here.
  plan.command = options.script.empty() ? join(options.command, " ") : quote_words(options.command);
  if (!options.script.empty()) {
    TRY_AS(script, read_file_or_pipe(options.script));
    auto text = unix_script(std::move(*script));
    TRY(check_interpreter(options.script, text));
    plan.script = std::make_shared<const std::string>(std::move(text));
  }
  if (!options.input.empty()) {
    TRY_AS(input, open_input(options.input));
    plan.input = std::make_shared<const UniqueFd>(std::move(*input));
  }
  // Asked for by the first node whose sudo wants it, and answered once for all nodes.
  plan.password = prompt_secret_once("Password for sudo on the nodes: ");
  return plan;
}

/// Opens the files of --outdir, so that a folder that cannot be written starts nothing. The other
/// forms write to the console, which the event loop makes later. Errors: local_io.
Result<OutputMaker> choose_output(const ExecOptions& options, const Cluster& cluster) {
  const auto nodes = cluster.nodes.size();
  const auto controls = options.raw ? Controls::raw : Controls::shown;
  if (!options.folder.empty()) {
    TRY_AS(files, files_output(options.folder, cluster.nodes));
    return [files = std::move(*files)](Console&) mutable { return std::move(files); };
  }
  if (options.json)
    return [nodes, command = join(options.command, " ")](Console& console) {
      return json_output(console, nodes, command);
    };
  if (options.gather || options.differences)
    return [nodes, controls, differences = options.differences](Console& console) {
      return gathered_output(console, nodes, differences, controls);
    };
  return [&cluster, controls, labels = !options.no_labels](Console& console) {
    return live_output(console, cluster.nodes, labels, controls);
  };
}

/// The exit code of `exec` on one node is that of the command there.
int exit_code_of_chosen(const FleetReport& report) {
  return report.results.size() == 1 ? exit_code_for_one(report) : exit_code_for(report);
}

/// For --dry-run: a node a line, its label and its address, with a tab between them for cut(1).
int list_nodes(const std::vector<Node>& nodes, bool as_json) {
  if (as_json) {
    auto list = Json::array();
    for (const auto& node : nodes) list.push_back({{"node", node.label()}, {"address", node.address}});
    print_result(dump_json(list) + "\n");
    return exit_code::ok;
  }
  std::string text;
  for (const auto& node : nodes) text += node.label() + "\t" + node.address + "\n";
  print_result(text);
  return exit_code::ok;
}

Result<int> run_exec(const ExecOptions& options, const CommonOptions& common) {
  TRY(check_words(options));
  TRY_AS(cluster, open_cluster(options.list));
  if (options.dry_run) return list_nodes(cluster->nodes, options.json);
  // With --list - it is the list.
  if (options.input.empty() && cluster->list != "-" && has_own_input())
    return fail(ErrorKind::usage,
                "no node would get what is on standard input: --stdin - sends it to every node, </dev/null "
                "leaves it out");
  TRY_AS(plan, make_plan(options, *cluster));
  TRY_AS(access, open_access(*cluster, options.connect));
  TRY_AS(output, choose_output(options, *cluster));
  FleetCommand command{.style = {.quiet = options.json},
                       .task = ops::exec_task(std::move(*plan)),
                       .output = std::move(*output)};
  // exec-all gives 0 or 1, also where the list has a single node.
  if (options.chooses_nodes) command.exit_code = exit_code_of_chosen;
  const auto flow = fleet_options(*cluster, options.connect, options.fleet);
  return run_fleet_command(*cluster, *access, flow, common, std::move(command));
}

void add_output_options(CLI::App& command, ExecOptions& options) {
  add_flag(command, "-N,--no-labels", options.no_labels, "No node names in front of the lines");
  add_flag(command, "--raw", options.raw,
           "Control characters of the nodes reach the terminal, too, not only colours and tabs");
  const auto gather = add_flag(command, "-b,--gather", options.gather,
                               "At the end; equal outputs once, under their nodes' names");
  const auto diff = add_flag(command, "--diff", options.differences,
                             "At the end; the most common output, and the differences of the others");
  const auto folder =
      add_option(command, "--outdir", options.folder, "Into DIR/node1.out, DIR/node1.err, ...")
          .type_name("DIR");
  const auto json =
      add_flag(command, "--json", options.json, "One JSON document with every node's outcome and output");
  gather.excludes(diff).excludes(folder).excludes(json);
  diff.excludes(folder).excludes(json);
  folder.excludes(json);
}

void add_input_options(CLI::App& command, ExecOptions& options) {
  add_option(command, "--stdin", options.input,
             "Send this file to every node's standard input; -: the input of ec2mpi itself [none]")
      .type_name("FILE");
  add_option(command, "--script", options.script, "Run this local program on the nodes; CMD is its arguments")
      .type_name("FILE");
  add_flag(command, "--sudo", options.sudo, "Run as root; asks for the password once, if one is needed");
  add_flag(command, "-n,--dry-run", options.dry_run, "List the nodes; run nothing");
}

constexpr const char* kEnds =
    "\nFlags stand before CMD; from its first word on, all words belong to it."
    "\nCtrl-C, TERM and output that can't be written (a full disk, | head) end it on the nodes too.";

struct ExecVerb {
  std::string name;
  std::string description;
  std::string example;
  bool chooses_nodes = false;
};

void add(CLI::App& app, Dispatch& dispatch, const ExecVerb& verb) {
  auto options = std::make_shared<ExecOptions>();
  options->chooses_nodes = verb.chooses_nodes;
  auto& command = add_command(app, verb.name, verb.description, verb.example + kEnds);
  add_selection_options(command, options->list);
  add_connect_options(command, options->connect);
  add_fleet_options(command, options->fleet);
  add_output_options(command, *options);
  add_input_options(command, *options);
  add_option(command, "command", options->command,
             "Shell text for the nodes; quote it. {index} {node} {address} {role} are filled in for each")
      .type_name("CMD");
  // From the first word of the command on, words with a dash are its own and no flags of ec2mpi.
  command.positionals_at_end();
  when_typed(command, [options, &command, &dispatch] {
    // Not required() of CLI11: a script may have no arguments.
    // An unset variable gives an empty word.
    if (!options->dry_run && trim(join(options->command, " ")).empty() && options->script.empty())
      throw CLI::RequiredError("a command");
    if (!options->command.empty() && options->script.empty() && options->command.front().starts_with('-'))
      throw CLI::ValidationError(options->command.front(), "neither an option nor a command");
    dispatch.chosen = [options, &command](const CommonOptions& common) -> Result<int> {
      TRY(check_behind(*options, command));
      return run_exec(*options, common);
    };
  });
}

}  // namespace

void add_exec_commands(CLI::App& app, Dispatch& dispatch) {
  add(app, dispatch,
      {.name = "exec",
       .description = "Runs a command on the chosen nodes, on all at once",
       .example = "ec2mpi exec -w 2-4 'df -h /home'",
       .chooses_nodes = true});
  add(app, dispatch,
      {.name = "exec-all",
       .description = "Runs a command on every node, on all at once",
       .example = "ec2mpi exec-all 'killall python3'"});
}

}  // namespace ec2mpi::cli
