#include "ec2mpi/ops/doctor/doctor.hpp"

#include <algorithm>
#include <asio/this_coro.hpp>
#include <chrono>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/barrier.hpp"
#include "ec2mpi/ops/node/facts.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "src/ops/doctor/checks.hpp"

namespace ec2mpi::ops {

namespace {

using std::chrono::seconds;

constexpr auto kReport = seconds(45);  ///< python3 and mpirun start, files are read
constexpr auto kListen = seconds(20);  ///< python3 starts
constexpr auto kConnect = seconds(30);
constexpr auto kLogins = seconds(60);  ///< and a second for each
constexpr auto kEachLogin = seconds(1);
constexpr auto kEnd = seconds(15);
/// Of one program on a node, for each of its two streams; what comes behind that is dropped.
constexpr std::size_t kMostPrinted = 1 << 20;

double wall_clock() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// An error of a node that has let us in: its time limit has other causes than that of a login. Whether the
/// limit came before or after the start of the report is the same finding.
Error behind_login(Error error) {
  if (error.kind == ErrorKind::timeout) error.message = "let us in, but does not report about itself in time";
  return error;
}

/// The steps of all nodes: the report, a barrier, connections between the nodes, a barrier, logins between
/// them. A node's record is filled step by step, so a node that fails late still has its first answers.
class DoctorRun : public Observer {
 public:
  DoctorRun(const asio::any_io_executor& executor, DoctorPlan plan, FleetContext context)
      : plan_(std::move(plan)),
        connector_(context.connector),
        options_(context.options),
        observer_(context.observer),
        stop_(std::move(context.stop)),
        token_("ec2mpi-" + random_hex(16)),
        barrier_(executor, plan_.nodes.size()) {
    for (const auto& node : plan_.nodes) {
      end_.records.push_back({});
      end_.records.back().node = node;
    }
  }

  asio::awaitable<DoctorEnd> run() {
    // Without a fanout: all nodes meet at the barriers.
    const FleetOptions flow{.connect_timeout = options_.connect_timeout,
                            .whole_timeout = options_.whole_timeout};
    NodeTask task = [this](NodeRun turn) { return examine(turn); };
    FleetContext context{connector_, flow, *this, stop_};
    auto report = co_await run_on_nodes(plan_.nodes, std::move(task), std::move(context));
    end_.ending = report.ending;
    co_return std::move(end_);
  }

  void on_phase(const Node& node, ssh::Phase phase) override { observer_.on_phase(node, phase); }

  void on_finish(const NodeResult& result) override {
    auto& trouble = record(result.node.index).trouble;
    if (const auto* error = std::get_if<Error>(&result.outcome)) trouble = *error;
    if (std::holds_alternative<NotRun>(result.outcome)) trouble = Error{ErrorKind::cancelled, "interrupted"};
    // The other nodes do not wait for one that has ended.
    barrier_.drop();
    observer_.on_finish(result);
  }

 private:
  NodeRecord& record(int index) {
    return *std::find_if(end_.records.begin(), end_.records.end(),
                         [index](const auto& each) { return each.node.index == index; });
  }

  /// An error means that the node did not report about itself. What the later steps find is no error here.
  asio::awaitable<Result<ssh::ExitStatus>> examine(NodeRun turn) {
    auto& mine = record(turn.node.index);
    if (const auto asked = co_await ask_health(turn, mine); !asked)
      co_return std::unexpected(behind_login(asked.error()));
    if (plan_.end_leftovers && !mine.answer->health.leftovers.empty()) co_await end_leftovers(turn, mine);
    const auto wake = co_await barrier_.arrive_and_wait(turn.limit);
    if (wake == Wake::stopped) co_return wake_error(wake, {});
    // The time for everything is over while another node is silent: this one has nothing to do with that.
    if (wake != Wake::notified) co_return ssh::ExitStatus{};
    const bool in_time = co_await try_ports(turn, mine);
    if (!in_time || plan_.steps == DoctorSteps::ports) co_return ssh::ExitStatus{};
    const auto targets = login_targets_for(turn.node.index);
    if (!targets.empty()) co_await try_logins(turn, mine, targets);
    co_return ssh::ExitStatus{};
  }

  /// Notes the time before the question and after the clock's line, between which the node read its clock.
  asio::awaitable<Result<void>> ask_health(NodeRun& turn, NodeRecord& mine) {
    const auto limit =
        turn.limit.at_most(plan_.patience > Clock::duration::zero() ? plan_.patience : kReport);
    mine.asked_at = wall_clock();
    ssh::Request request{.command = health_command(plan_.files)};
    CO_TRY_AS(channel, co_await start_program(turn.session, std::move(request), limit));
    (*channel)->close_input();
    std::string printed;
    std::string complaints;
    const auto sink = [&](const ssh::Chunk& chunk) {
      if (chunk.stream != ssh::Stream::out && complaints.size() < kMostPrinted) complaints += chunk.bytes;
      if (chunk.stream != ssh::Stream::out || printed.size() > kMostPrinted) return;
      printed += chunk.bytes;
      // The clock comes first; the lines behind it take seconds, by which the span would be wider.
      if (mine.answered_at == 0 && printed.find("\nclock ") != std::string::npos)
        mine.answered_at = wall_clock();
    };
    CO_TRY(co_await read_to_end(**channel, limit, sink, turn.observer));
    // By this line, the reader sees that the login shell is not quiet.
    if (const auto& greeting = (*channel)->greeting(); !greeting.empty()) printed.insert(0, greeting + "\n");
    auto answer = parse_health_report(printed, plan_.files.size());
    if (!answer) co_return std::unexpected(with_complaint(answer.error(), complaints));
    mine.answer = std::move(*answer);
    co_return Result<void>{};
  }

  /// If it fails, the finding stays, so nothing is reported here.
  asio::awaitable<void> end_leftovers(NodeRun& turn, NodeRecord& mine) {
    const auto limit = turn.limit.at_most(kEnd);
    auto command = end_leftovers_command();
    const auto done = co_await capture(turn.session, std::move(command), limit);
    mine.leftovers_ended = done && done->status.ok();
  }

  /// The nodes that answered, in the list's order, and the position of this one.
  [[nodiscard]] std::pair<std::vector<const NodeRecord*>, std::size_t> answered(int index) const {
    std::vector<const NodeRecord*> known;
    std::size_t own = 0;
    for (const auto& each : end_.records) {
      if (!each.answer) continue;
      if (each.node.index == index) own = known.size();
      known.push_back(&each);
    }
    return {std::move(known), own};
  }

  [[nodiscard]] static MeshTarget target(const NodeRecord& record, std::uint16_t port) {
    const auto& facts = record.answer->facts;
    return {record.node.index, facts.private_address.text(), facts.hostname, port};
  }

  /// Not all pairs of a large cluster are tried; mesh.hpp has the choice.
  [[nodiscard]] std::vector<MeshTarget> login_targets_for(int index) const {
    const auto [known, own] = answered(index);
    std::vector<MeshTarget> targets;
    for (const auto position : login_targets_of(own, known.size()))
      targets.push_back(target(*known[position], 0));
    return targets;
  }

  [[nodiscard]] std::vector<MeshTarget> tcp_targets_for(int index) const {
    const auto [known, own] = answered(index);
    std::vector<MeshTarget> targets;
    for (const auto position : tcp_targets_of(own, known.size())) {
      // A node without a port does not listen, so nobody connects to it.
      const auto port = ports_.find(known[position]->node.index);
      if (port != ports_.end()) targets.push_back(target(*known[position], port->second));
    }
    return targets;
  }

  /// Arrives at both barriers in every case, because the other nodes wait there. False: the time for
  /// everything is over.
  asio::awaitable<bool> try_ports(NodeRun& turn, NodeRecord& mine) {
    std::unique_ptr<ssh::Channel> channel;
    if (mine.answer->facts.python3.empty()) {
      mine.no_tcp = kNoPython;
    } else {
      auto listening = co_await listen(turn, mine);
      if (listening)
        channel = std::move(*listening);
      else
        mine.no_tcp = listening.error().message;
    }
    const auto all_listen = co_await barrier_.arrive_and_wait(turn.limit);
    if (all_listen != Wake::notified) co_return false;
    if (channel) {
      auto tried = co_await connect(turn, *channel);
      if (tried)
        mine.tcp = std::move(*tried);
      else
        mine.no_tcp = tried.error().message;
    }
    const auto all_tried = co_await barrier_.arrive_and_wait(turn.limit);
    // Last: the listener ends with its input, and until here other nodes may connect.
    if (channel) channel->close_input();
    co_return all_tried == Wake::notified;
  }

  /// Returns the channel of the listener, which runs until its input ends, and notes its port for the others.
  asio::awaitable<Result<std::unique_ptr<ssh::Channel>>> listen(NodeRun& turn, const NodeRecord& mine) {
    const auto limit = turn.limit.at_most(kListen);
    const auto own_address = mine.answer->facts.private_address.text();
    ssh::Request request{.command = tcp_command(turn.node.index, own_address, token_)};
    CO_TRY_AS(channel, co_await start_program(turn.session, std::move(request), limit));
    std::string printed;
    std::string complaints;
    CO_TRY(co_await read_on("\nport ", **channel, limit, printed, &complaints));
    const auto port = parse_port(printed);
    if (!port) co_return std::unexpected(with_complaint(port.error(), complaints));
    ports_[turn.node.index] = *port;
    co_return std::move(*channel);
  }

  /// Sends the listener the addresses of the others, and reads what became of each connection.
  asio::awaitable<Result<Attempts>> connect(NodeRun& turn, ssh::Channel& channel) {
    const auto limit = turn.limit.at_most(kConnect);
    const auto targets = tcp_targets(tcp_targets_for(turn.node.index));
    CO_TRY_AS(written, co_await channel.write(targets, limit));
    std::string printed;
    const auto read = co_await read_on("done", channel, limit, printed);
    if (!read) {
      if (printed.find("begun\n") == std::string::npos) co_return std::unexpected(read.error());
      // It waits for answers of others; the results so far count.
      printed.erase(printed.rfind('\n') + 1);
      printed += "done\n";
    }
    co_return parse_tcp(printed);
  }

  /// The program's output up to the line that begins with `mark`, or up to its end; if it fails, the output
  /// before that.
  static asio::awaitable<Result<void>> read_on(std::string_view mark, ssh::Channel& channel, Limit limit,
                                               std::string& printed, std::string* complaints = nullptr) {
    for (;;) {
      const auto place = printed.find(mark);
      // The line has to be whole.
      if (place != std::string::npos && printed.find('\n', place + mark.size()) != std::string::npos) break;
      CO_TRY_AS(chunk, co_await channel.read(limit));
      if (!*chunk || printed.size() > kMostPrinted) break;
      if ((*chunk)->stream == ssh::Stream::out)
        printed += (*chunk)->bytes;
      else if (complaints != nullptr && complaints->size() < kMostPrinted)
        *complaints += (*chunk)->bytes;
    }
    co_return Result<void>{};
  }

  /// Until all answers are read, the links count as incomplete.
  asio::awaitable<void> try_logins(NodeRun& turn, NodeRecord& mine, std::vector<MeshTarget> targets) {
    const auto limit = turn.limit.at_most(kLogins + kEachLogin * targets.size());
    mine.links.complete = false;
    ssh::Request request{.command = login_command(targets, masters_daemon(end_.records))};
    auto channel = co_await start_program(turn.session, std::move(request), limit);
    if (!channel) {
      mine.links.cut_off = why_cut_off(channel.error());
      co_return;
    }
    (*channel)->close_input();
    std::string printed;
    const auto sink = [&](const ssh::Chunk& chunk) {
      if (chunk.stream == ssh::Stream::out && printed.size() <= kMostPrinted) printed += chunk.bytes;
    };
    // An error leaves the results so far; parse_logins finds out whether the end is missing.
    const auto read = co_await read_to_end(**channel, limit, sink, turn.observer);
    if (auto links = parse_logins(printed, targets)) mine.links = std::move(*links);
    if (!read) mine.links.cut_off = why_cut_off(read.error());
  }

  static std::string why_cut_off(const Error& error) {
    return error.kind == ErrorKind::timeout ? std::string() : error.message;
  }

  DoctorPlan plan_;
  ssh::Connector& connector_;
  FleetOptions options_;
  Observer& observer_;
  std::stop_token stop_;
  std::string token_;
  Barrier barrier_;
  std::map<int, std::uint16_t> ports_;  ///< of the nodes that listen
  DoctorEnd end_;
};

}  // namespace

asio::awaitable<DoctorEnd> run_doctor(DoctorPlan plan, FleetContext context) {
  const auto executor = co_await asio::this_coro::executor;
  DoctorRun run(executor, std::move(plan), std::move(context));
  auto end = co_await run.run();
  co_return end;
}

}  // namespace ec2mpi::ops
