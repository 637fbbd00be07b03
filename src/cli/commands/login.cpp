// `ec2mpi login`: a shell, or one command with a terminal, on a single node. It behaves like `ssh -t`, but
// the node is chosen in the words of the list.

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/terminal/terminal.hpp"
#include "src/cli/commands/ssh_config_file.hpp"

namespace ec2mpi::cli {

namespace {

struct LoginOptions {
  ListOptions list;
  ConnectOptions connect;
  bool no_pty = false;
  bool always_pty = false;
  std::string node = "1";
  std::string command;
  std::vector<std::string> local;    ///< -L of ssh
  std::vector<std::string> remote;   ///< -R
  std::vector<std::string> dynamic;  ///< -D
  bool agent = false;                ///< -A
  bool x11 = false;                  ///< -X

  [[nodiscard]] bool needs_ssh() const {
    return !local.empty() || !remote.empty() || !dynamic.empty() || agent || x11;
  }
};

/// Shows the phase of a connection after one second, until it is destroyed.
class ConnectStatus {
 public:
  ConnectStatus(Console& console, const asio::any_io_executor& executor, std::string node)
      : console_(console), node_(std::move(node)), timer_(executor) {
    tick_after(std::chrono::seconds(1));
  }
  ~ConnectStatus() {
    timer_.cancel();
    console_.status("");
  }
  ConnectStatus(const ConnectStatus&) = delete;
  ConnectStatus& operator=(const ConnectStatus&) = delete;

  void set_phase(ssh::Phase phase) { phase_ = phase; }

 private:
  void tick_after(Clock::duration pause) {
    timer_.expires_after(pause);
    timer_.async_wait([this, life = std::weak_ptr(life_)](std::error_code cancelled) {
      if (cancelled || life.expired()) return;
      const auto waited = format_duration(Clock::now() - started_);
      console_.status(fmt::format("{}: {} · {}", node_, ssh::phase_name(phase_), waited));
      tick_after(std::chrono::milliseconds(200));
    });
  }

  Console& console_;
  std::string node_;
  asio::steady_timer timer_;
  std::shared_ptr<int> life_ = std::make_shared<int>();  ///< a tick that is due already cannot be cancelled
  ssh::Phase phase_ = ssh::Phase::waiting;
  Clock::time_point started_ = Clock::now();
};

/// A shell gets a pty if its input is a terminal. A command gets one only if its output is a
/// terminal too: a pty changes line ends and joins both streams, which a pipe must not see.
bool wants_pty(const LoginOptions& options) {
  if (options.no_pty || options.always_pty) return options.always_pty;
  const bool types = ::isatty(STDIN_FILENO) == 1;
  return options.command.empty() ? types : types && ::isatty(STDOUT_FILENO) == 1;
}

ops::LoginRequest make_request(const LoginOptions& options, Clock::time_point start_by) {
  ops::LoginRequest request{.command = options.command, .start_by = start_by};
  if (!wants_pty(options)) return request;
  const char* kind = std::getenv("TERM");
  request.terminal_kind = kind != nullptr && *kind != '\0' ? kind : "dumb";
  // In a pipe or a file, ~. is data.
  request.escapes = ::isatty(STDIN_FILENO) == 1;
  return request;
}

/// What the user sees in the end; in cooked mode again.
int report(Runtime& runtime, const Node& node, const Result<ssh::ExitStatus>& status) {
  auto& console = runtime.console();
  if (status) {
    if (!status->signal.empty())
      console.talk(fmt::format("ec2mpi: {}: {}", node.label(), status->describe()));
    return status->shell_code();
  }
  if (runtime.stop().stop_requested()) return exit_code::interrupted;
  console.talk(fmt::format("ec2mpi: {}: {}", node.label(), printable(status.error().message)));
  return exit_code::no_connection;
}

/// Returns the program's own exit status, 128+n for signal n, or 255 if the connection failed.
asio::awaitable<int> log_in(CommandContext& context, const LoginOptions& options) {
  auto& runtime = context.runtime;
  const auto& node = context.cluster.nodes.front();
  const Limit limit{.deadline = Clock::time_point::max(), .stop = runtime.stop()};
  const Limit connect_limit = limit.at_most(context.flow.connect_timeout);

  // LoginTerminal takes the status line away before the first byte of the program.
  std::optional<ConnectStatus> waiting(std::in_place, runtime.console(), runtime.executor(), node.label());
  LoginTerminal terminal(runtime.executor(), runtime.console(), wants_pty(options),
                         [&waiting] { waiting.reset(); });
  runtime.set_parting_words([&terminal] {
    terminal.restore();  // the last chance: a second signal leaves without unwinding
    return std::string();
  });
  const ssh::PhaseObserver on_phase = [&waiting](ssh::Phase phase) { waiting->set_phase(phase); };
  auto session = co_await context.connector.connect(node, connect_limit, on_phase);
  Result<ssh::ExitStatus> status;
  if (session) {
    waiting->set_phase(ssh::Phase::running);
    auto request = make_request(options, connect_limit.deadline);
    status = co_await ops::login(**session, std::move(request), terminal, limit);
    const Limit soon =
        limit.at_most(std::chrono::seconds(2));  // a terminal that takes no output is given back too
    co_await runtime.console().flush(soon);
  } else {
    status = std::unexpected(session.error());
  }
  // Before our own messages: in raw mode a line end does not move the cursor to the left.
  terminal.restore();
  waiting.reset();
  runtime.set_parting_words({});
  co_return report(runtime, node, status);
}

/// The words of ssh(1). No shell reads them here, and `--` keeps a command that begins with a dash
/// from being an option of ssh.
std::vector<std::string> ssh_words(const LoginOptions& options, const std::string& file, const Node& node) {
  std::vector<std::string> words = {"ssh", "-F", file};
  const auto add = [&words](const char* flag, const std::vector<std::string>& values) {
    for (const auto& value : values) words.insert(words.end(), {flag, value});
  };
  add("-L", options.local);
  add("-R", options.remote);
  add("-D", options.dynamic);
  if (options.agent) words.emplace_back("-A");
  if (options.x11) words.emplace_back("-X");
  if (options.no_pty) words.emplace_back("-T");
  // One -t has no effect if the input of ssh is no terminal (ssh(1)).
  if (options.always_pty) words.emplace_back("-tt");
  words.push_back(node.label());
  if (!options.command.empty()) words.insert(words.end(), {"--", options.command});
  return words;
}

/// Returns only if there is no ssh.
/// After execvp the terminal, the signals and the exit status are those of ssh.
Result<int> become(std::vector<std::string> words) {
  std::signal(SIGPIPE, SIG_DFL);  // an ignored signal stays ignored
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execvp(arguments.front(), arguments.data());
  return fail(ErrorKind::usage,
              fmt::format("-L, -R, -D, -A and -X need ssh here, which cannot be started: {}; install "
                          "openssh-client",
                          std::strerror(errno)));
}

/// Connects and leaves: the connector checks the host key and remembers it. Gives the exit code.
asio::awaitable<int> look_at_host_key(CommandContext& context) {
  const auto& node = context.cluster.nodes.front();
  const auto limit = Limit{.deadline = Clock::time_point::max(), .stop = context.runtime.stop()}.at_most(
      context.flow.connect_timeout);
  const auto session = co_await context.connector.connect(node, limit, [](ssh::Phase) {});
  if (session) co_return exit_code::ok;
  co_return report(context.runtime, node, std::unexpected(session.error()));
}

/// What ssh(1) does well is left to it: forwarding of ports, of the agent and of X11. Our own connection
/// comes first, because it checks the host key by the instance id and remembers it.
Result<int> log_in_by_ssh(const LoginOptions& options, Cluster& cluster, Access& access,
                          const CommonOptions& common) {
  const auto flow = fleet_options(cluster, options.connect, {});
  const int code = run_on_loop(cluster, access, flow, common, look_at_host_key);
  if (code != exit_code::ok) return code;
  TRY_AS(file, write_ssh_config(cluster, access, cluster.nodes, "ssh_config.login"));
  return become(ssh_words(options, file->string(), cluster.nodes.front()));
}

/// The selection may be a name or an address, so only the list can tell whether it means a single node.
Result<int> run_login(const LoginOptions& options, const CommonOptions& common) {
  auto cluster = open_cluster(options.list);
  const auto at = options.node.find('@');
  if (!cluster && at != std::string::npos && at > 0 && options.node.find('=') == std::string::npos)
    return fail(ErrorKind::usage, fmt::format("for another user: ec2mpi login -l {} {}",
                                              printable(quote_word(options.node.substr(0, at))),
                                              printable(quote_word(options.node.substr(at + 1)))));
  if (!cluster) return std::unexpected(cluster.error());
  if (cluster->nodes.size() != 1) {
    return fail(ErrorKind::usage,
                fmt::format("login goes to one node, and {} means {}; name one, as in: ec2mpi login 2",
                            printable(options.list.wanted.front()), cluster->nodes.size()));
  }
  TRY_AS(access, open_access(*cluster, options.connect));
  if (options.needs_ssh()) return log_in_by_ssh(options, *cluster, *access, common);
  const auto flow = fleet_options(*cluster, options.connect, {});
  return run_on_loop(*cluster, *access, flow, common,
                     [&options](CommandContext& context) { return log_in(context, options); });
}

}  // namespace

void add_login_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<LoginOptions>();
  auto& command =
      add_command(app, "login", "A shell, or the command behind --, on one node; the master if none is named",
                  "ec2mpi login 3\n"
                  "  ec2mpi login 2 -- top\n"
                  "  tar c data | ec2mpi login -- 'tar x -C /tmp'\n"
                  "  ec2mpi login -L 8888:localhost:8888 1       the port 8888 of the node here, by ssh\n"
                  "At the beginning of a line ~. leaves and ~? lists more.\n"
                  "The exit status is the remote program's, or 255 if the connection failed.");
  add_list_options(command, options->list);
  add_jump_option(command, options->list, "Reach the node through this host, by its private address");
  add_connect_options(command, options->connect);
  const auto never =
      add_flag(command, "-T,--no-tty", options->no_pty, "No terminal on the node [if input is none]");
  add_flag(command, "--tty", options->always_pty, "A terminal on the node in any case").excludes(never);
  const auto forward = [&command](const char* flag, std::vector<std::string>& values, const char* text) {
    add_option(command, flag, values, text).type_name("ADDRESS").allow_extra_args(false);
  };
  forward("-L", options->local, "Forward a port of this machine to the node, as ssh -L does");
  forward("-R", options->remote, "Forward a port of the node to this machine, as ssh -R does");
  forward("-D", options->dynamic, "A SOCKS proxy on this port, as ssh -D does");
  add_flag(command, "-A", options->agent, "Let the node use your ssh agent, as ssh -A does");
  add_flag(command, "-X", options->x11, "Show the node's windows here, as ssh -X does");
  add_option(command, "node", options->node, "The node: 3, -1 (the last), name=head, i-0123, an address [1]")
      .type_name("NODE");
  when_typed(command, [options, &dispatch] {
    options->list.wanted = {options->node};
    // As with ssh, the words become one text, which the shell on the node splits again.
    for (const auto& word : dispatch.behind_dashes.value_or(std::vector<std::string>{})) {
      options->command += (options->command.empty() ? "" : " ") + word;
    }
    dispatch.chosen = [options](const CommonOptions& common) { return run_login(*options, common); };
  });
}

}  // namespace ec2mpi::cli
