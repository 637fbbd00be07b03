#include "ec2mpi/cli/views/fleet_view.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cerrno>
#include <map>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/session/error_references.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cluster/values/selection.hpp"
#include "ec2mpi/fleet/failure_lines.hpp"
#include "ec2mpi/fleet/gather.hpp"
#include "ec2mpi/fleet/lines.hpp"

namespace ec2mpi::cli {

namespace {

// A command that ends within it shows no progress at all.
constexpr auto kFirstProgress = std::chrono::seconds(1);
constexpr auto kProgressEvery = std::chrono::milliseconds(200);
constexpr auto kEventEvery = std::chrono::seconds(1);  ///< a program reads it, and needs no more
// More nodes are counted instead, since the progress has only one row.
constexpr std::size_t kNamedStragglers = 4;

/// Every connection timed out: that is the way to the nodes, not the nodes.
bool nobody_answered(const FleetReport& report) {
  return report.ending == Ending::complete &&
         std::all_of(report.results.begin(), report.results.end(), [](const NodeResult& result) {
           const auto* error = std::get_if<Error>(&result.outcome);
           return error != nullptr && error->kind == ErrorKind::timeout &&
                  result.reached <= ssh::Phase::connecting;
         });
}

}  // namespace

FleetView::FleetView(Console& console, const asio::any_io_executor& executor, const std::vector<Node>& nodes,
                     Style style)
    : console_(console),
      style_(std::move(style)),
      phases_(nodes.size(), ssh::Phase::waiting),
      notes_(nodes.size()),
      output_(live_output(console, nodes, style_.labels)),
      started_(Clock::now()),
      timer_(executor) {
  for (const auto& node : nodes) indices_.push_back(node.index);
  std::ranges::sort(indices_);  // place_of searches; -w may name the nodes in another order
  emit("begin", {{"doing", style_.doing}, {"nodes", nodes.size()}});
  // Without a terminal and without a program that reads events, no timer runs.
  if (console_.shows_status() || style_.json_lines) tick_after(kFirstProgress);
}

FleetView::~FleetView() {
  timer_.cancel();
}

void FleetView::tick_after(Clock::duration wait) {
  timer_.expires_after(wait);
  // The handler may run after this view is gone.
  timer_.async_wait([this, life = std::weak_ptr(life_)](std::error_code cancelled) {
    if (cancelled || life.expired()) return;
    tick();
  });
}

void FleetView::tick() {
  console_.status(progress());
  if (style_.json_lines)
    emit("progress", {{"done", nodes_done()},
                      {"nodes", phases_.size()},
                      {"failed", failed_},
                      {"text", style_.progress ? style_.progress() : std::string()}});
  tick_after(style_.json_lines ? Clock::duration(kEventEvery) : Clock::duration(kProgressEvery));
}

void FleetView::emit(std::string_view event, const Json& fields) {
  if (style_.json_lines) console_.result(event_line(event, Clock::now() - started_, fields));
}

std::size_t FleetView::nodes_done() const {
  return static_cast<std::size_t>(std::count(phases_.begin(), phases_.end(), ssh::Phase::done));
}

/// The command's own words, else the number of bytes; empty if there are none.
std::string FleetView::amount(const std::function<std::string()>& words) const {
  const auto said = words ? words() : bytes_ > 0 ? format_bytes(bytes_) : std::string();
  return said.empty() ? said : " · " + said;
}

std::string FleetView::progress() const {
  // Nodes that wait for the same thing share an entry.
  std::map<std::pair<ssh::Phase, std::string>, std::vector<int>> waiting;
  std::size_t done = 0;
  for (std::size_t i = 0; i < phases_.size(); ++i) {
    if (phases_[i] == ssh::Phase::done)
      ++done;
    else
      waiting[{phases_[i], notes_[i]}].push_back(indices_[i]);
  }
  // A narrow terminal cuts the end of the line, so time and failures come before the names of nodes.
  auto line = fmt::format("{}{}/{} done · {}", style_.doing.empty() ? "" : style_.doing + ": ", done,
                          phases_.size(), format_duration(Clock::now() - started_));
  line += amount(style_.progress);
  if (failed_ > 0) line += fmt::format(" · {} failed", failed_);
  for (const auto& [state, indices] : waiting) {
    const auto& [phase, note] = state;
    line += fmt::format(" · {}: {}", note.empty() ? ssh::phase_name(phase) : note,
                        indices.size() > kNamedStragglers ? count_of(indices.size(), "node")
                                                          : "node " + fold_indices(indices));
  }
  return line;
}

/// The node must be one of those that the view was made for.
std::size_t FleetView::place_of(const Node& node) const {
  const auto place = std::lower_bound(indices_.begin(), indices_.end(), node.index);
  return static_cast<std::size_t>(place - indices_.begin());
}

void FleetView::on_phase(const Node& node, ssh::Phase phase) {
  auto& now = phases_[place_of(node)];
  // The event "node" reports the end.
  if (now != phase && phase != ssh::Phase::done)
    emit("phase", {{"node", node.label()}, {"phase", ssh::phase_name(phase)}});
  now = phase;
}

void FleetView::note(const Node& node, std::string doing) {
  if (!doing.empty()) emit("step", {{"node", node.label()}, {"step", doing}});
  notes_[place_of(node)] = std::move(doing);
}

void FleetView::on_output(const Node& node, ssh::Stream stream, std::string_view bytes) {
  // With --json-lines, standard output holds events only.
  if (!style_.json_lines) output_->bytes(node, stream, bytes);
}

void FleetView::on_lines(const Node& node, ssh::Stream stream, std::string_view lines) {
  if (!style_.json_lines) return output_->lines(node, stream, lines);
  std::string events;
  LineCutter().feed(lines, [&](std::string_view line) {
    const Json fields = {
        {"node", node.label()}, {"stream", stream == ssh::Stream::out ? "stdout" : "stderr"}, {"text", line}};
    events.append(event_line("line", Clock::now() - started_, fields)).append(1, '\n');
  });
  console_.result_bytes(events);
}

void FleetView::on_bytes(const Node&, std::uint64_t bytes) {
  bytes_ += bytes;
}

void FleetView::on_finish(const NodeResult& result) {
  // A node is done when its result is there, in any phase.
  on_phase(result.node, ssh::Phase::done);
  if (!succeeded(result.outcome)) ++failed_;
  emit("node", {{"node", result.node.label()},
                {"ok", succeeded(result.outcome)},
                {"outcome", describe(result.outcome)}});
}

asio::awaitable<void> FleetView::ready(Limit limit) {
  return console_.room(std::move(limit));
}

/// Prints in this order: the kept output, the failures by their reason, and the last line.
void FleetView::summarize(const FleetReport& report, int exit_code) {
  timer_.cancel();
  console_.status("");
  // The outputs are shown before the failures, so that the failures stay in sight.
  for (const auto& lost : output_->finish(report, exit_code)) {
    // With a lost file, the command fails even if all nodes succeeded.
    note_loss(EIO);
    console_.talk("ec2mpi: " + lost.message);
  }
  for (const auto& [nodes, reason] : group_failures(report))
    console_.talk(console_.paint_talk(Colour::red, label_of(nodes)) + ": " + printable(reason));
  if (const auto references = error_references(report); !references.empty())
    console_.talk("ec2mpi: " + references);
  // One node alone says nothing about the others.
  if (report.results.size() > 1 && nobody_answered(report)) {
    console_.talk(
        "ec2mpi: no node answered. If they were stopped and started, they have new addresses: paste the list "
        "again. Otherwise your own may have changed: the security group needs a rule for TCP port 22, or "
        "that of -p, from "
        "the address that https://checkip.amazonaws.com shows.");
  }
  emit("end", {{"ok", report.results.size() - failed_},
               {"failed", failed_},
               {"exit_code", exit_code},
               {"text", style_.detail ? style_.detail() : std::string()}});
  // -q hides a success only.
  if (!style_.quiet || !report.all_succeeded()) show_last_line(report);
}

std::string FleetView::label_of(const std::vector<int>& indices) const {
  return style_.all_nodes ? nodes_label(indices) : short_nodes_label(indices);
}

void FleetView::show_last_line(const FleetReport& report) {
  std::vector<int> failed;
  for (const auto& result : report.results) {
    if (!succeeded(result.outcome)) failed.push_back(result.node.index);
  }
  const auto all = report.results.size();
  auto line = fmt::format("{}/{} ok", all - failed.size(), count_of(all, "node"));
  if (!failed.empty()) line += fmt::format(" · failed: {}", label_of(failed));
  if (report.ending == Ending::interrupted) line += " · interrupted";
  if (report.ending == Ending::timed_out) line += " · the time limit ended it";
  line += amount(style_.detail);
  line += fmt::format(" · {}", format_duration(Clock::now() - started_));
  console_.talk(console_.paint_talk(report.all_succeeded() ? Colour::green : Colour::yellow, line));
}

/// For a second Ctrl-C. Empty if no program runs, as far as is known.
std::string FleetView::still_running() const {
  std::vector<int> running;
  for (std::size_t i = 0; i < phases_.size(); ++i) {
    if (phases_[i] == ssh::Phase::running) running.push_back(indices_[i]);
  }
  return running.empty() ? std::string() : "It may still run on " + short_nodes_label(running) + ".";
}

}  // namespace ec2mpi::cli
