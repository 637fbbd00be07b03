// `ec2mpi top`: a task on each node prints its load every few seconds (ops/watch); the view draws all of them
// as one screen until the user leaves.

#include <unistd.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cli/terminal/terminal.hpp"
#include "ec2mpi/cli/views/top_view.hpp"
#include "ec2mpi/ops/watch/watch.hpp"
#include "src/cli/commands/held_sessions.hpp"
#include "src/cli/commands/run_fleet.hpp"

namespace ec2mpi::cli {

namespace {

constexpr auto kBetweenTwoLooks = std::chrono::seconds(1);  // for --once
constexpr auto kPatience = std::chrono::seconds(10);        // likewise, for an answer
constexpr auto kBeforeRetry = std::chrono::seconds(10);     // of a node that failed
constexpr auto kBetweenDrawings = std::chrono::seconds(1);

struct TopOptions {
  ListOptions list;
  ConnectOptions connect;
  bool once = false;
  bool json = false;
  double interval = 2;
};

/// The terminal while it shows the nodes; gives it back when it is destroyed.
/// RawMode writes kEndScreen where a signal ends the program without destructors.
class Screen {
 public:
  explicit Screen(Console& console)
      : console_(console), mode_(STDIN_FILENO, RawMode::Keys::signals, Console::kEndScreen) {
    console_.begin_screen();
  }
  ~Screen() { console_.end_screen(); }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

 private:
  Console& console_;
  RawMode mode_;
};

/// Watches each node, and connects again to those that fail, until somebody leaves.
class LiveTop {
 public:
  LiveTop(CommandContext& context, HeldSessions& sessions, Clock::duration interval)
      : context_(context),
        sessions_(sessions),
        interval_(interval),
        view_(context.console(), context.cluster.nodes),
        ended_(context.runtime.executor()) {}

  asio::awaitable<int> run() {
    auto& runtime = context_.runtime;
    const auto leaving = [this] { leave_.request_stop(); };
    const auto stop = runtime.stop();
    const std::stop_callback on_stop(stop, leaving);
    const Screen screen(context_.console());
    start(read_keys());
    for (const auto& node : context_.cluster.nodes) start(watch_node(node));
    const Limit until_left{Clock::time_point::max(), leave_.get_token()};
    while (!leave_.stop_requested()) {
      // A node that has missed two looks is named as late.
      view_.draw(2 * interval_ + std::chrono::seconds(1));
      co_await sleep_for(kBetweenDrawings, until_left);
    }
    const Limit unlimited;
    // The coroutines use this object, so all of them end before it.
    while (running_ > 0) co_await ended_.wait(unlimited);
    co_return stop.stop_requested() ? exit_code::interrupted : exit_code::ok;
  }

 private:
  void start(asio::awaitable<void> work) {
    ++running_;
    asio::co_spawn(context_.runtime.executor(), std::move(work), [this](std::exception_ptr) {
      --running_;
      ended_.notify_all();
    });
  }

  asio::awaitable<void> read_keys() {
    InputStream input(context_.runtime.executor(), STDIN_FILENO);
    const Limit limit{Clock::time_point::max(), leave_.get_token()};
    for (;;) {
      const auto keys = co_await input.read(limit);
      // A terminal that is gone ends the command as q does.
      if (!keys || !*keys) break;
      if ((*keys)->find_first_of("qQ") != std::string_view::npos) break;
    }
    leave_.request_stop();
  }

  /// The task does not end by itself: when it returns, the connection has failed or the user leaves.
  /// So the session is dropped, and the next try logs in anew.
  asio::awaitable<void> watch_node(Node node) {
    const Limit limit{Clock::time_point::max(), leave_.get_token()};
    const ops::WatchPlan plan{.every = interval_};
    while (!leave_.stop_requested()) {
      auto task = ops::watch_task(plan, [this](const Node& of_sample, const ops::LoadSample& sample) {
        view_.take(of_sample, sample);
      });
      std::vector<Node> one = {node};
      FleetContext context{sessions_, context_.flow, view_, limit.stop};
      co_await run_on_nodes(std::move(one), std::move(task), std::move(context));
      sessions_.drop(node);
      co_await sleep_for(kBeforeRetry, limit);
    }
  }

  CommandContext& context_;
  HeldSessions& sessions_;
  Clock::duration interval_;
  TopView view_;
  std::stop_source leave_;
  std::size_t running_ = 0;
  Event ended_;
};

asio::awaitable<int> watch_until_left(CommandContext& context, const TopOptions& options) {
  HeldSessions sessions(context.connector);
  // Before the screen is taken: the user may have to type a passphrase.
  const auto report = co_await connect_all(context, sessions);
  const bool any =
      std::ranges::any_of(report.results, [](const auto& one) { return succeeded(one.outcome); });
  // One node is enough to begin; the others are tried again every ten seconds.
  if (!any || context.runtime.stop().stop_requested()) co_return exit_code_for(report);
  LiveTop top(context, sessions, seconds(options.interval));
  const int code = co_await top.run();
  co_return code;
}

asio::awaitable<int> look_once(CommandContext& context, const TopOptions& options) {
  TopView view(context.console(), context.cluster.nodes);
  // CPU and network are rates between two looks.
  const ops::WatchPlan plan{.every = kBetweenTwoLooks, .looks = 2, .patience = kPatience};
  FleetCommand command{
      .style = {.quiet = true, .doing = "looking"},
      .task = ops::watch_task(
          plan, [&view](const Node& node, const ops::LoadSample& sample) { view.take(node, sample); })};
  const auto report = co_await run_fleet(context, std::move(command));
  if (options.json)
    view.print_json(report);
  else
    view.print_table();
  co_return exit_code_for(report);
}

/// The keys are read from standard input, and the screen is drawn on standard output.
bool has_terminal() {
  return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
}

/// Checked first: without a terminal nothing can be drawn, and no key could end it.
Result<int> run_top(const TopOptions& options, const CommonOptions& common) {
  if (!options.once && !has_terminal())
    return fail(ErrorKind::usage, "top draws on a terminal; --once prints the load without one");
  TRY_AS(cluster, open_cluster(options.list));
  TRY_AS(access, open_access(*cluster, options.connect));
  const auto flow = fleet_options(*cluster, options.connect, {});
  return run_on_loop(*cluster, *access, flow, common, [&options](CommandContext& context) {
    return options.once ? look_once(context, options) : watch_until_left(context, options);
  });
}

}  // namespace

void add_top_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<TopOptions>();
  auto& command =
      add_command(app, "top", "Shows the load of the nodes while you watch: CPU, memory, network, ranks",
                  "ec2mpi top\n"
                  "  ec2mpi top --once --json\n"
                  "q and Ctrl-C leave. Nodes that differ from the others are named.");
  add_selection_options(command, options->list);
  add_connect_options(command, options->connect);
  const auto once = add_flag(command, "--once", options->once, "Print a table once; takes a second");
  add_flag(command, "--json", options->json, "As one JSON document").needs(once);
  add_option(command, "--interval", options->interval, "Look at the nodes this often [2]")
      .type_name("TIME")
      .transform(time_from(0.5, 3600));
  set_work(command, dispatch, options, run_top);
}

}  // namespace ec2mpi::cli
