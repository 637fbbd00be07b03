// `ec2mpi shell`: a prompt whose lines run on all nodes, over sessions that stay open. A LineSource gives the
// lines, Shell runs each of them like `exec` does, and a node that is lost is left out of the next ones.

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <cstdlib>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/terminal/line_editor.hpp"
#include "ec2mpi/cli/terminal/passphrase.hpp"
#include "ec2mpi/cli/terminal/terminal.hpp"
#include "ec2mpi/cli/views/exec_output.hpp"
#include "ec2mpi/fleet/gather.hpp"
#include "ec2mpi/fleet/lines.hpp"
#include "ec2mpi/ops/exec/exec.hpp"
#include "src/cli/commands/held_sessions.hpp"
#include "src/cli/commands/run_fleet.hpp"

namespace ec2mpi::cli {

namespace {

constexpr const char* kHistory = "shell_history";  // in the state folder
constexpr std::size_t kMostHistory = 1000;         // lines
constexpr const char* kTryAgain = ":all";

struct ShellOptions {
  ListOptions list;
  ConnectOptions connect;
  bool sudo = false;
};

/// The newest lines of the history, the oldest first. The file is a convenience: one that cannot be read is
/// empty.
std::vector<std::string> read_history(const StateFolder& state) {
  // Typed lines may hold secrets, so a file that others can read is not used.
  const auto text = state.read(kHistory, StateFolder::Content::secret);
  std::vector<std::string> lines;
  if (!text || !*text) return lines;
  for (const auto line : split(**text, '\n'))
    if (!line.empty()) lines.emplace_back(line);
  if (lines.size() <= kMostHistory) return lines;
  lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(kMostHistory));
  // Each line is appended to the file, so it is shortened here, at the next start.
  [[maybe_unused]] const auto shortened = state.write(kHistory, join(lines, "\n") + "\n");
  return lines;
}

/// Where the lines come from.
class LineSource {
 public:
  virtual ~LineSource() = default;
  /// The next line, without blanks at its ends; nothing at the end.
  [[nodiscard]] virtual asio::awaitable<std::optional<std::string>> next(const std::string& prompt,
                                                                         Limit limit) = 0;
  /// Ctrl-C while it waits for a line.
  virtual void interrupt() = 0;
};

/// Lines of a pipe, a file, or a terminal that cannot be drawn on.
class PlainLines : public LineSource {
 public:
  PlainLines(CommandContext& context, bool prompts)
      : console_(context.console()), prompts_(prompts), input_(context.runtime.executor(), STDIN_FILENO) {}

  asio::awaitable<std::optional<std::string>> next(const std::string& prompt, Limit limit) override {
    prompt_ = prompt;
    if (prompts_) console_.talk_bytes(prompt_);
    const auto keep = [this](std::string_view line) { waiting_.emplace_back(trim(line)); };
    // One read may bring several lines, and a part of the next.
    while (waiting_.empty() && !ended_) {
      const auto bytes = co_await input_.read(limit);
      // A terminal that is gone is the end, too; the last line may lack its line end.
      ended_ = !bytes || !*bytes;
      if (ended_)
        cutter_.finish(keep);
      else
        cutter_.feed(**bytes, keep);
    }
    if (waiting_.empty()) co_return std::nullopt;
    auto line = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    co_return line;
  }

  /// The terminal itself drops the typed part of the line.
  void interrupt() override { console_.talk_bytes("\n" + prompt_); }

 private:
  Console& console_;
  bool prompts_;
  std::string prompt_;
  InputStream input_;
  LineCutter cutter_;
  std::vector<std::string> waiting_;
  bool ended_ = false;
};

/// Lines that are typed on a terminal.
class TypedLines : public LineSource {
 public:
  explicit TypedLines(CommandContext& context)
      : console_(context.console()),
        state_(context.cluster.state),
        input_(context.runtime.executor(), STDIN_FILENO),
        mode_(STDIN_FILENO, RawMode::Keys::signals),
        editor_(read_history(state_)) {}

  asio::awaitable<std::optional<std::string>> next(const std::string& prompt, Limit limit) override {
    prompt_ = prompt;
    for (;;) {
      const auto event = editor_.next();
      draw();
      if (event == LineEditor::Event::line) co_return take_line();
      if (event == LineEditor::Event::end) break;
      const auto keys = co_await input_.read(limit);
      if (!keys || !*keys) break;
      editor_.feed(**keys);
    }
    console_.talk("");
    co_return std::nullopt;
  }

  void interrupt() override {
    console_.talk("^C");
    editor_.clear();
    draw();
  }

 private:
  void draw() { console_.talk_bytes(editor_.drawing(prompt_, console_.columns())); }

  /// As in the shells, a line that begins with a blank is not remembered: it may hold a secret.
  std::string take_line() {
    console_.talk("");
    const auto typed = editor_.text();
    const auto line = std::string(trim(typed));
    const bool remember = !line.empty() && !typed.starts_with(' ');
    editor_.begin_line(remember);
    if (!remember) return line;
    const auto kept =
        state_.append(kHistory, [&line](std::string_view) { return Result<std::string>(line + "\n"); });
    // Once is enough: it would fail in the same way after every line.
    if (!kept && !std::exchange(reported_, true))
      console_.talk("ec2mpi: no history is kept: " + kept.error().message);
    return line;
  }

  Console& console_;
  const StateFolder& state_;
  InputStream input_;
  RawMode mode_;
  LineEditor editor_;
  std::string prompt_;
  bool reported_ = false;
};

/// A prompt, and the nodes that each line goes to.
class Shell {
 public:
  Shell(CommandContext& context, HeldSessions& sessions, LineSource& lines, bool sudo)
      : context_(context), sessions_(sessions), lines_(lines), nodes_(context.cluster.nodes), sudo_(sudo) {
    if (sudo) password_ = prompt_secret_once("Password for sudo on the nodes: ");
  }

  /// Leaves out the nodes that no connection leads to.
  void take(const FleetReport& report) {
    nodes_.clear();
    for (const auto& result : report.results) {
      if (succeeded(result.outcome) || result.reached >= ssh::Phase::running)
        nodes_.push_back(result.node);
      else
        left_out_.push_back(result.node.index);
      // The next line, or :all, then makes a new connection.
      if (is_broken(result.outcome)) sessions_.drop(result.node);
    }
    // A line that the user has ended is no failure.
    if (report.ending != Ending::interrupted) worst_ = std::max(worst_, exit_code_for(report));
  }

  /// Ctrl-C ends the command on the nodes; a second one, while that is checked, leaves.
  bool interrupt() {
    if (!running_) {
      lines_.interrupt();
      return true;
    }
    // It is true for the first request only; a second Ctrl-C gets false, so it leaves the shell.
    return running_->request_stop();
  }

  /// Returns the worst exit code of all lines.
  asio::awaitable<int> run() {
    const Limit limit{Clock::time_point::max(), context_.runtime.stop()};
    while (!nodes_.empty() && !limit.stop.stop_requested()) {
      report_left_out();
      const auto prompt = fmt::format("{}{} ", short_nodes_label(indices()), sudo_ ? '#' : '>');
      const auto line = co_await lines_.next(prompt, limit);
      if (!line || *line == "exit" || *line == "quit" || *line == "logout") break;
      if (line->empty() || line->starts_with('#')) continue;
      if (*line == kTryAgain)
        co_await connect_again();
      else
        co_await run_line(*line);
    }
    // The loop ends before its report when the last node is lost.
    if (nodes_.empty()) report_left_out();
    co_return limit.stop.stop_requested() ? exit_code::interrupted : worst_;
  }

 private:
  [[nodiscard]] std::vector<int> indices() const {
    std::vector<int> indices;
    for (const auto& node : nodes_) indices.push_back(node.index);
    return indices;
  }

  /// A session on which the node does not answer any more.
  /// remote_io comes over a live session, and cancelled is our own doing.
  static bool is_broken(const Outcome& outcome) {
    const auto* error = std::get_if<Error>(&outcome);
    return error != nullptr && error->kind != ErrorKind::cancelled && error->kind != ErrorKind::remote_io;
  }

  void report_left_out() {
    if (left_out_.empty()) return;
    std::ranges::sort(left_out_);
    context_.console().talk(
        fmt::format("ec2mpi: {} left out from now on; {} tries again",
                    short_nodes_label(left_out_) + (left_out_.size() == 1 ? " is" : " are"), kTryAgain));
    left_out_.clear();
  }

  asio::awaitable<void> connect_again() {
    const auto report = co_await connect_all(context_, sessions_);
    take(report);
  }

  asio::awaitable<void> run_line(std::string line) {
    // A new shell runs each line, so a cd alone has no effect on the next one.
    if (line == "cd" || line.starts_with("cd "))
      if (line.find_first_of(";&|") == std::string::npos)
        context_.console().talk("ec2mpi: each line begins in the login folder; write: cd FOLDER && COMMAND");
    const auto& cluster = context_.cluster;
    ops::ExecPlan plan{.command = std::move(line),
                       .sudo = sudo_,
                       .password = password_,
                       .count = static_cast<int>(cluster.inventory.nodes.size()),
                       .master = cluster.inventory.master().address};
    running_.emplace();
    const auto stop_line = [this] { running_->request_stop(); };
    const auto stop = context_.runtime.stop();
    std::optional<std::stop_callback<std::function<void()>>> on_stop;
    // TERM ends the line on the nodes, too, and then the prompt.
    on_stop.emplace(stop, stop_line);
    FleetCommand command{
        .style = {.labels = nodes_.size() > 1, .quiet = true},
        .nodes = nodes_,
        .steps = [this, plan = std::move(plan)](CommandContext& of_command, FleetView& view) {
          return run_on_nodes(nodes_, ops::exec_task(plan),
                              {sessions_, of_command.flow, view, running_->get_token()});
        }};
    // The output of one node appears while it is printed; several are gathered, so that equal
    // answers are shown once.
    if (nodes_.size() > 1)
      command.output = [count = nodes_.size()](Console& console) {
        return gathered_output(console, count, false);
      };
    const auto report = co_await run_fleet(context_, std::move(command));
    // Before `running_`, which the callback uses.
    on_stop.reset();
    running_.reset();
    take(report);
  }

  CommandContext& context_;
  HeldSessions& sessions_;
  LineSource& lines_;
  std::vector<Node> nodes_;  ///< where the next line goes
  bool sudo_;
  ops::PasswordSource password_;
  std::vector<int> left_out_;                ///< not reported yet
  std::optional<std::stop_source> running_;  ///< while a line runs
  int worst_ = exit_code::ok;
};

/// The line is drawn on standard error, so that standard output has the answers only.
bool is_drawable() {
  const char* kind = std::getenv("TERM");
  const bool dumb = kind == nullptr || *kind == '\0' || std::string_view(kind) == "dumb";
  return !dumb && ::isatty(STDERR_FILENO) == 1;
}

asio::awaitable<int> run_shell_on(CommandContext& context, bool sudo) {
  auto& runtime = context.runtime;
  HeldSessions sessions(context.connector);
  // Before the terminal is taken: the key may need a passphrase.
  const auto connected = co_await connect_all(context, sessions);
  if (runtime.stop().stop_requested()) co_return exit_code::interrupted;
  const bool typed = ::isatty(STDIN_FILENO) == 1;
  std::unique_ptr<LineSource> lines;
  if (typed && is_drawable())
    lines = std::make_unique<TypedLines>(context);
  else
    lines = std::make_unique<PlainLines>(context, typed);
  Shell shell(context, sessions, *lines, sudo);
  shell.take(connected);
  // In a script Ctrl-C ends the whole command, as usual.
  if (typed) {
    runtime.set_on_interrupt([&shell] { return shell.interrupt(); });
    context.console().talk("ec2mpi: each line runs on all of these nodes; Ctrl-D leaves");
  }
  const int worst = co_await shell.run();
  // The callback uses `shell`, which ends with this function.
  runtime.set_on_interrupt({});
  co_return worst;
}

Result<int> run_shell(const ShellOptions& options, const CommonOptions& common) {
  TRY_AS(cluster, open_cluster(options.list));
  TRY_AS(access, open_access(*cluster, options.connect));
  const auto flow = fleet_options(*cluster, options.connect, {});
  return run_on_loop(*cluster, *access, flow, common,
                     [sudo = options.sudo](CommandContext& context) { return run_shell_on(context, sudo); });
}

}  // namespace

void add_shell_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<ShellOptions>();
  auto& command =
      add_command(app, "shell", "A prompt: each line runs on all of the nodes, over connections that stay",
                  "ec2mpi shell -w workers\n"
                  "  echo 'uname -r' | ec2mpi shell\n"
                  "Ctrl-C ends the command on the nodes, exit and Ctrl-D leave. Each line begins in the\n"
                  "login folder. A line that begins with a blank is not kept in the history.");
  add_selection_options(command, options->list);
  add_connect_options(command, options->connect);
  add_flag(command, "--sudo", options->sudo,
           "Each line runs as root; asks for the password once, if one is needed");
  set_work(command, dispatch, options, run_shell);
}

}  // namespace ec2mpi::cli
