#include "ec2mpi/ops/stacks/stacks.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/selection.hpp"
#include "ec2mpi/ops/mpi/command.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "src/ops/stacks/programs.hpp"

namespace ec2mpi::ops {

namespace {

/// For one node; each tool there has twenty seconds (stacks.sh).
constexpr auto kPatience = std::chrono::seconds(120);
/// A recursion may have any depth.
constexpr std::size_t kMostFrames = 100;
/// Ranks that are about to arrive are not missing.
constexpr double kLongWait = 1;
/// From this percentage of a processor on, a rank is busy.
constexpr int kBusy = 20;

using Ranks = std::vector<const RankStack*>;

/// Reads the lines of one node.
class StacksReader {
 public:
  explicit StacksReader(const std::string& node) : node_(node) {}

  Result<NodeStacks> read(std::string_view printed) {
    constexpr std::string_view kEnd = "\nec2mpi-stacks end\n";
    const auto end = printed.find(kEnd);
    // Both marks must be there: an answer that is cut off would hide ranks.
    if (!printed.starts_with("ec2mpi-stacks 1\n") || end == std::string_view::npos)
      return fail(ErrorKind::remote_io, "the node did not finish its answer");
    for (const auto line : split(printed.substr(0, end), '\n')) take(line);
    TRY_AS(profile, parse_profile(printed.substr(end + kEnd.size()), 0));
    for (auto& [rank, stack] : ranks_) {
      const auto own = std::ranges::find(profile->ranks, rank, &RankProfile::rank);
      // After MPI_Finalize the counters stand still, and say nothing of now.
      if (own != profile->ranks.end() && !own->finalized) stack.counters = *own;
      found_.ranks.push_back(std::move(stack));
    }
    return std::move(found_);
  }

 private:
  /// "RANK PID KEY VALUE"; several lines make the stack of a rank. Other lines say something of the node, or
  /// nothing.
  void take(std::string_view line) {
    found_.barred = found_.barred || line == "barred";
    const auto [rank_word, behind_rank] = first_word(line);
    const auto [pid_word, behind_pid] = first_word(behind_rank);
    const auto [key, value] = first_word(behind_pid);
    const auto rank = parse_number(rank_word);
    const auto pid = parse_number(pid_word);
    if (!rank || *rank > 1'000'000 || !pid || *pid > 1U << 30U) return;
    auto& stack = ranks_[static_cast<int>(*rank)];
    stack.rank = static_cast<int>(*rank);
    stack.pid = static_cast<int>(*pid);
    stack.node = node_;
    if (key == "tried") stack.tried = printable(value);
    if (key == "by") stack.tool = printable(value);
    if (key == "frame" && stack.frames.size() < kMostFrames) stack.frames.push_back(printable(value));
    if (key == "state") take_state(stack, value);
  }

  /// "STATE PERCENT WCHAN SYSCALL" (stacks.sh). WCHAN is 0 where the kernel does not show its function.
  static void take_state(RankStack& stack, std::string_view value) {
    const auto fields = words(value);
    if (fields.size() < 2) return;
    stack.state = fields[0].front();
    stack.percent = static_cast<int>(std::min<std::uint64_t>(parse_number(fields[1]).value_or(0), 100'000));
    if (fields.size() > 2 && fields[2] != "0") stack.kernel_place = printable(fields[2]);
  }

  std::string node_;
  NodeStacks found_;
  std::map<int, RankStack> ranks_;
};

/// A node without ranks of the job answers with none, which is no error.
asio::awaitable<Result<ssh::ExitStatus>> look(NodeRun run, std::string id, std::map<int, NodeStacks>& found) {
  const auto limit = run.limit.at_most(kPatience);
  CO_TRY_AS(answer, co_await capture(run.session, stacks_script(id), limit));
  CO_TRY_AS(stacks, parse_stacks(answer->out, run.node.label()));
  found[run.node.index] = std::move(*stacks);
  co_return ssh::ExitStatus{};
}

/// A frame is "NAME (PLACE)" or "NAME"; the NAME may have "@VERSION" behind it.
std::string_view function_of(std::string_view frame) {
  return frame.substr(0, std::min(frame.find(' '), frame.find('@')));
}

/// In C, or in small letters in Fortran; a profiler calls MPI by the names with a P.
bool is_mpi(std::string_view frame) {
  const auto name = function_of(frame);
  return name.starts_with("MPI_") || name.starts_with("PMPI_") || name.starts_with("mpi_") ||
         name.starts_with("pmpi_");
}

/// Frames of the interpreter and of the start of a program, which show nothing of the program.
bool is_noise(std::string_view frame) {
  const auto name = function_of(frame);
  if (name == "??" || name.starts_with("__libc_start") || name == "_start" || name.starts_with("__pyx_"))
    return true;
  return name.starts_with("_Py") || name.starts_with("Py") || name.starts_with("pymain") ||
         name.starts_with("0x");
}

/// The frames from the outermost call of MPI outwards: what the MPI does inside changes all the time.
std::vector<std::string> telling_frames(const RankStack& stack) {
  const auto last = std::ranges::find_if(stack.frames.rbegin(), stack.frames.rend(), is_mpi);
  auto from = stack.frames.begin();
  if (last != stack.frames.rend()) from = last.base() - 1;
  std::vector<std::string> frames;
  for (; from != stack.frames.end(); ++from)
    if (!is_noise(*from)) frames.push_back(*from);
  return frames;
}

/// The call of MPI that the rank is in, by its counters or by its functions; empty: none.
std::string call_of(const RankStack& stack) {
  if (stack.counters) return stack.counters->current.name;
  const auto last = std::ranges::find_if(stack.frames.rbegin(), stack.frames.rend(), is_mpi);
  if (last == stack.frames.rend()) return {};
  const auto name = function_of(*last);
  return std::string(name.substr(name.find('_') + 1));
}

bool is_known(const RankStack& stack) {
  return stack.counters || !stack.frames.empty();
}

std::string call_line(const RankProfile& counters) {
  if (counters.current.name.empty()) return "computes";
  auto text = "in " + counters.current.name;
  if (is_collective(counters.current.name))
    return fmt::format("{}, call {} of all ranks", text, counters.collectives);
  if (counters.current.partner) text += fmt::format(" with rank {}", *counters.current.partner);
  return fmt::format("{}, after {} of all ranks", text, count_of(counters.collectives, "call"));
}

std::string state_line(const RankStack& stack) {
  if (stack.state == 'T' || stack.state == 't') return "stopped";
  if (stack.percent >= kBusy || stack.state == 'R') return "uses a processor";
  return "sleeps" + (stack.kernel_place.empty() ? std::string() : " in " + stack.kernel_place);
}

std::vector<std::string> lines_of(const RankStack& stack) {
  std::vector<std::string> lines;
  if (stack.counters) lines.push_back(call_line(*stack.counters));
  const auto frames = telling_frames(stack);
  lines.insert(lines.end(), frames.begin(), frames.end());
  if (lines.empty()) lines.push_back(state_line(stack));
  return lines;
}

std::string name_of(const Ranks& ranks) {
  std::vector<RankProfile> named;
  for (const auto* rank : ranks) named.push_back({.rank = rank->rank, .node = rank->node});
  std::vector<const RankProfile*> pointers;
  for (const auto& rank : named) pointers.push_back(&rank);
  return name_ranks(pointers);
}

/// What a rank does in the place of the call in which it is missing.
std::string describe_rank(const RankStack& stack) {
  if (const auto call = call_of(stack); !call.empty()) return "is in " + call;
  if (state_line(stack) == "stopped") return "is stopped";
  const bool waits = (stack.state == 'S' || stack.state == 'D') && stack.percent < kBusy;
  return waits ? "sleeps outside of MPI" : "computes";
}

/// Without counters no time is known, so the reader is told to look twice (docs/profile.md).
bool waits_long(const RankStack& stack) {
  return !stack.counters || stack.counters->current.seconds >= kLongWait;
}

/// The ranks that have not begun the call in which `waiting` are.
Ranks missing_ranks(const std::vector<RankStack>& ranks, const Ranks& waiting) {
  const auto& one = *waiting.front();
  Ranks missing;
  for (const auto& rank : ranks) {
    if (!is_known(rank) || std::ranges::find(waiting, &rank) != waiting.end()) continue;
    // A rank may be behind in the same function, so the count of calls decides, if known.
    const bool behind =
        one.counters && rank.counters
            ? rank.counters->collectives < one.counters->collectives ||
                  (rank.counters->collectives == one.counters->collectives && call_of(rank) != call_of(one))
            : call_of(rank) != call_of(one);
    if (behind) missing.push_back(&rank);
  }
  return missing;
}

/// Those that are in the same call of all ranks, if they are most of the ranks.
Ranks waiting_ranks(const std::vector<RankStack>& ranks) {
  std::map<std::pair<std::string, std::uint64_t>, Ranks> calls;
  for (const auto& rank : ranks) {
    const auto call = call_of(rank);
    if (!is_collective(call)) continue;
    calls[{call, rank.counters ? rank.counters->collectives : 0}].push_back(&rank);
  }
  Ranks most;
  for (auto& [call, members] : calls)
    if (members.size() > most.size()) most = std::move(members);
  // Only a call in which most ranks wait shows that another rank is missing (docs/profile.md).
  if (most.size() * 2 < ranks.size() ||
      !std::ranges::all_of(most, [](const auto* rank) { return waits_long(*rank); }))
    return {};
  return most;
}

}  // namespace

Result<NodeStacks> parse_stacks(std::string_view printed, const std::string& node) {
  return StacksReader(node).read(printed);
}

std::string stacks_script(const std::string& id) {
  const auto mark = fmt::format("{}={}", kJobMark, id);
  return set_variables({{"mark", mark}}) + std::string(kStacksSh) + "\n" + read_counters_script(id);
}

std::map<int, NodeStacks> parse_kept_stacks(std::string_view text) {
  constexpr std::string_view kNode = "node ";
  std::map<int, NodeStacks> found;
  std::string label;
  std::string answer;
  const auto take_node = [&] {
    const std::string_view number = label.starts_with("node") ? std::string_view(label).substr(4) : "";
    const auto index = parse_number(number);
    if (auto stacks = parse_stacks(answer, label); stacks && index && *index <= 1'000'000)
      found[static_cast<int>(*index)] = std::move(*stacks);
    answer.clear();
  };
  for (const auto line : split(text, '\n')) {
    // Every line of an answer begins with a number or with another word.
    if (!line.starts_with(kNode)) {
      answer.append(line).append("\n");
      continue;
    }
    take_node();
    label = printable(line.substr(kNode.size()));
  }
  take_node();
  return found;
}

NodeTask stacks_task(std::string id, std::map<int, NodeStacks>& found) {
  return [id = std::move(id), &found](NodeRun run) { return look(run, id, found); };
}

std::vector<StackGroup> group_stacks(const std::vector<RankStack>& ranks) {
  std::map<std::vector<std::string>, Ranks> by_lines;
  for (const auto& rank : ranks) by_lines[lines_of(rank)].push_back(&rank);
  std::vector<StackGroup> groups;
  for (auto& [lines, members] : by_lines) groups.push_back({std::move(members), lines});
  for (auto& group : groups) std::ranges::sort(group.ranks, {}, &RankStack::rank);
  std::ranges::stable_sort(groups, [](const auto& a, const auto& b) {
    return a.ranks.size() != b.ranks.size() ? a.ranks.size() > b.ranks.size()
                                            : a.ranks.front()->rank < b.ranks.front()->rank;
  });
  return groups;
}

std::string describe_missing(const std::vector<RankStack>& ranks) {
  const auto waiting = waiting_ranks(ranks);
  if (waiting.empty()) return {};
  const auto missing = missing_ranks(ranks, waiting);
  // Where more ranks are missing than wait, those that wait are early.
  if (missing.empty() || missing.size() > waiting.size()) return {};
  const auto& one = *waiting.front();
  // The time of the rank that came last: since then all of them wait.
  double shortest = one.counters ? one.counters->current.seconds : 0;
  for (const auto* rank : waiting)
    if (rank->counters) shortest = std::min(shortest, rank->counters->current.seconds);
  return fmt::format("{} {} not come to {}, in which {} {}{}; {} {}", name_of(missing),
                     missing.size() == 1 ? "has" : "have", call_of(one), count_of(waiting.size(), "rank"),
                     waiting.size() == 1 ? "waits" : "wait",
                     one.counters ? fmt::format(" for {:.1f} s", shortest) : "",
                     missing.size() == 1 ? "it" : fmt::format("rank {}", missing.front()->rank),
                     describe_rank(*missing.front()));
}

std::string more_advice(const std::vector<RankStack>& ranks, bool barred) {
  Ranks silent;
  bool has_no_tool = false;
  for (const auto& rank : ranks) {
    if (!rank.frames.empty()) continue;
    has_no_tool = has_no_tool || rank.tried.empty();
    if (!rank.tried.empty()) silent.push_back(&rank);
  }
  if (!silent.empty())
    return fmt::format("{} did not read the stack of {}; try again", silent.front()->tried, name_of(silent));
  if (!has_no_tool) return {};
  // Yama (ptrace_scope) lets a process read only its own descendants, unless it is root.
  if (barred)
    return "the functions of a rank show only with sudo, or after: sudo sysctl kernel.yama.ptrace_scope=0";
  return "the functions of a rank show where gdb is installed on the nodes, the lines of Python where py-spy "
         "is: "
         "ec2mpi exec-all 'sudo apt-get install -y gdb'";
}

}  // namespace ec2mpi::ops
