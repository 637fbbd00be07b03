#include "src/ops/mpi/traceback_groups.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "src/ops/mpi/rank_tag.hpp"

namespace ec2mpi::ops {

namespace {

using Lines = std::vector<std::string>;

constexpr std::string_view kFrame = "  File \"";
constexpr std::string_view kRule = "--------";  // mpirun's, above and below its words

/// "ValueError: bad", "module.Error", "KeyboardInterrupt"; not mpirun's "NOTE: ...".
bool is_exception(std::string_view text) {
  if (text.starts_with(' ')) return false;
  // A Python name, with its modules.
  const auto name = trim(text.substr(0, text.find(':')));
  constexpr std::string_view kSmall = "abcdefghijklmnopqrstuvwxyz";
  return name.find_first_of(kSmall) != std::string_view::npos &&
         name.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
             "0123456789_.") == std::string_view::npos;
}

/// Python prints one of these lines between the tracebacks of an exception and of its cause.
bool joins_tracebacks(std::string_view text) {
  return text.starts_with("During handling of the above exception") ||
         text.starts_with("The above exception was the direct cause");
}

enum class Kind { header, frame, code, exception, gap, join, gap_behind_join };

/// The kind of a line behind one of the kind `before`; nothing if it cannot belong to a traceback.
std::optional<Kind> kind_of(std::string_view text, Kind before) {
  if (text.starts_with(kTracebackHeader)) return Kind::header;
  if (is_traceback_frame(text)) return text.starts_with(kFrame) ? Kind::frame : Kind::code;
  if (joins_tracebacks(text)) return Kind::join;
  if (trim(text).empty()) return before == Kind::join ? Kind::gap_behind_join : Kind::gap;
  return is_exception(text) ? std::optional(Kind::exception) : std::nullopt;
}

/// The grammar of a traceback: a header, frames with lines of code, an exception; then perhaps a gap, a line
/// that joins, a gap and the next header.
bool may_follow(Kind before, Kind next) {
  switch (next) {
    case Kind::header:
      return before == Kind::gap_behind_join;
    case Kind::frame:
      return before == Kind::header || before == Kind::frame || before == Kind::code;
    case Kind::code:
    case Kind::exception:
      return before == Kind::frame || before == Kind::code;
    case Kind::gap:
      return before == Kind::exception;
    case Kind::join:
      return before == Kind::gap;
    case Kind::gap_behind_join:
      return before == Kind::join;
  }
  return false;
}

/// Which of several tracebacks gets a line that would continue each of them.
enum class Preferred { last_one, longest };

/// Separates the lines that ranks printed in turn. A traceback that has come this far is a node of a tree
/// whose children are the lines that followed it in one of the tracebacks, so equal ones end at one node.
/// Without tags, a line goes to a traceback that another one shows it to be the next line of, else to the one
/// that got the line before: what a rank writes at once arrives at once. Of several, `preferred` gets it.
class Untangler {
 public:
  Untangler(int ranks, Preferred preferred) : ranks_(ranks), preferred_(preferred) { tree_.push_back({}); }

  /// With tags nothing has to be guessed: each rank has one traceback at a time.
  void take_tagged(std::size_t index, std::string_view text, int rank) {
    auto [of_rank, added] = by_rank_.try_emplace(rank, kNone);
    auto& print = of_rank->second;
    if (print != kNone && accepts(print, text)) return advance(print, index, text);
    if (!text.starts_with(kTracebackHeader)) return;
    print = begin(index, text);
    prints_[print].rank = rank;
  }

  void take(std::size_t index, std::string_view text) {
    const bool header = text.starts_with(kTracebackHeader);
    const auto print = header ? print_for_header() : print_for(text);
    if (print != kNone) return advance(print, index, text);
    if (header) {
      begin(index, text);
    } else if (last_ != kNone && is_over(last_)) {
      // The rest of an exception's message, or somebody else's words.
      if (prints_[last_].tail.empty()) std::erase(tree_[prints_[last_].node].prints, last_);
      prints_[last_].tail.push_back(index);
    }
  }

  /// Nothing if it is not certain which lines belong together.
  [[nodiscard]] std::optional<TracebackGroups> group(const Lines& lines) const;

 private:
  static constexpr auto kNone = static_cast<std::size_t>(-1);

  struct Node {
    std::map<std::string, std::size_t, std::less<>> children;
    std::vector<std::size_t> prints;  ///< that have come so far; the last one is continued first
    std::optional<Kind> kind;         ///< of its last line; none: the root
    std::size_t parent = 0;
    std::size_t depth = 0;
  };
  /// What one rank printed.
  struct Print {
    std::size_t node = 0;
    std::vector<std::size_t> lines;  ///< their indices
    std::vector<std::size_t> tail;
    bool torn = false;  ///< others stand between its lines
    std::optional<int> rank;
  };
  struct Equal {
    std::vector<std::size_t> whole;
    std::vector<std::size_t> begun;  ///< ended in the midst
  };

  /// The exception has come. Lines behind it may be the rest of its message.
  [[nodiscard]] bool is_over(std::size_t print) const {
    return tree_[prints_[print].node].kind == Kind::exception;
  }
  [[nodiscard]] bool accepts(std::size_t print, std::string_view text) const;
  [[nodiscard]] std::size_t print_for_header() const;
  [[nodiscard]] std::size_t print_for(std::string_view text);
  std::size_t begin(std::size_t index, std::string_view text);
  void advance(std::size_t print, std::size_t index, std::string_view text);
  [[nodiscard]] bool is_leaf(std::size_t node) const;
  [[nodiscard]] std::size_t end_of(const Print& print) const;
  [[nodiscard]] std::vector<Equal> equal_prints() const;
  [[nodiscard]] std::size_t common_tail(const Equal& equal, const Lines& lines) const;

  int ranks_;
  Preferred preferred_;
  std::vector<Node> tree_;
  std::vector<Print> prints_;
  std::map<int, std::size_t> by_rank_;
  std::map<std::string, std::vector<std::size_t>, std::less<>> before_;  ///< the nodes that have this child
  std::size_t last_ = kNone;
  bool uncertain_ = false;
};

/// A traceback with a tail takes no more lines: its end has been seen.
bool Untangler::accepts(std::size_t print, std::string_view text) const {
  const auto before = tree_[prints_[print].node].kind;
  const auto kind = kind_of(text, *before);
  return kind && may_follow(*before, *kind) && prints_[print].tail.empty();
}

/// Returns the index of the new traceback in prints_.
std::size_t Untangler::begin(std::size_t index, std::string_view text) {
  prints_.emplace_back();
  tree_.front().prints.push_back(prints_.size() - 1);
  advance(prints_.size() - 1, index, text);
  return prints_.size() - 1;
}

/// Moves the traceback to the child for this line, which is made if no other one has come there.
void Untangler::advance(std::size_t print, std::size_t index, std::string_view text) {
  auto& one = prints_[print];
  const auto from = one.node;
  std::erase(tree_[from].prints, print);
  const auto [child, added] = tree_[from].children.try_emplace(std::string(text), tree_.size());
  one.node = child->second;
  if (added) {
    const auto before = tree_[from].kind;
    Node node;
    node.kind = before ? kind_of(text, *before) : Kind::header;
    node.parent = from;
    node.depth = tree_[from].depth + 1;
    tree_.push_back(std::move(node));
    before_[std::string(text)].push_back(from);
  }
  tree_[one.node].prints.push_back(print);
  if (!one.lines.empty() && one.lines.back() + 1 != index) one.torn = true;
  one.lines.push_back(index);
  last_ = print;
}

/// Which traceback this header continues: one behind "During handling ...".
std::size_t Untangler::print_for_header() const {
  if (last_ != kNone && accepts(last_, kTracebackHeader)) return last_;
  // All ranks have begun theirs.
  if (ranks_ == 0 || prints_.size() < static_cast<std::size_t>(ranks_)) return kNone;
  for (std::size_t print = 0; print < prints_.size(); ++print)
    if (accepts(print, kTracebackHeader)) return print;
  return kNone;
}

/// Three attempts: a line that another traceback has shown to be the next one, the traceback that got the
/// line before, any one that the grammar allows. If the last finds tracebacks with different beginnings, the
/// result is uncertain, and nothing is grouped.
std::size_t Untangler::print_for(std::string_view text) {
  const auto known = before_.find(text);
  if (known != before_.end()) {
    auto longest = kNone;
    for (const auto node : known->second) {
      const auto& prints = tree_[node].prints;
      if (prints.empty()) continue;
      if (prints.back() == last_ && preferred_ == Preferred::last_one) return last_;
      if (longest == kNone || tree_[node].depth > tree_[longest].depth) longest = node;
    }
    if (longest != kNone) return tree_[longest].prints.back();
  }
  if (last_ != kNone && accepts(last_, text)) return last_;
  auto found = kNone;
  for (std::size_t print = 0; print < prints_.size(); ++print) {
    if (!accepts(print, text)) continue;
    if (found != kNone && prints_[print].node != prints_[found].node) uncertain_ = true;
    found = print;
  }
  return found;
}

/// Where a traceback ends; the empty line behind it is only part of it if another one follows.
std::size_t Untangler::end_of(const Print& print) const {
  return tree_[print.node].kind == Kind::gap ? tree_[print.node].parent : print.node;
}

/// A gap alone behind it does not count: it may be any empty line of the output.
bool Untangler::is_leaf(std::size_t node) const {
  return std::ranges::all_of(tree_[node].children, [this](const auto& child) {
    return tree_[child.second].kind == Kind::gap && tree_[child.second].children.empty();
  });
}

/// The tracebacks that are equal, the first that ended first. mpirun ends ranks in the midst of theirs: such
/// a beginning counts with the most frequent whole one.
std::vector<Untangler::Equal> Untangler::equal_prints() const {
  std::map<std::size_t, Equal> by_leaf;
  std::vector<std::size_t> beginnings;
  for (std::size_t print = 0; print < prints_.size(); ++print) {
    const auto end = end_of(prints_[print]);
    if (is_leaf(end))
      by_leaf[end].whole.push_back(print);
    else
      beginnings.push_back(print);
  }
  std::map<std::size_t, std::size_t> most_frequent;  // the leaf, by the nodes above it
  for (const auto& [leaf, equal] : by_leaf) {
    for (auto node = leaf; node != 0; node = tree_[node].parent) {
      const auto [known, added] = most_frequent.try_emplace(node, leaf);
      if (!added && by_leaf[known->second].whole.size() < equal.whole.size()) known->second = leaf;
    }
  }
  for (const auto print : beginnings) by_leaf[most_frequent[end_of(prints_[print])]].begun.push_back(print);
  std::vector<Equal> sorted;
  for (auto& [leaf, equal] : by_leaf) {
    std::ranges::sort(equal.whole, {}, [this](auto print) { return prints_[print].lines.back(); });
    sorted.push_back(std::move(equal));
  }
  std::ranges::sort(sorted, {},
                    [this](const auto& equal) { return prints_[equal.whole.front()].lines.back(); });
  return sorted;
}

/// How many lines behind these tracebacks are equal: the rest of the exception's message. What stands behind
/// only some of them, others printed.
std::size_t Untangler::common_tail(const Equal& equal, const Lines& lines) const {
  const auto& first = prints_[equal.whole.front()].tail;
  for (std::size_t k = 0; k < first.size(); ++k) {
    const auto& line = lines[first[k]];
    const auto has = [&](auto print) {
      const auto& tail = prints_[print].tail;
      return k < tail.size() && lines[tail[k]] == line;
    };
    if (line.starts_with(kRule) || !std::ranges::all_of(equal.whole, has)) return k;
  }
  return first.size();
}

/// Without tags, more tracebacks than ranks mean that one was cut in two: then no line can be trusted.
std::optional<TracebackGroups> Untangler::group(const Lines& lines) const {
  const bool tagged = !by_rank_.empty();
  if (uncertain_ || (!tagged && ranks_ > 0 && prints_.size() > static_cast<std::size_t>(ranks_)))
    return std::nullopt;
  TracebackGroups grouped;
  grouped.shown.resize(lines.size());
  bool mixed = false;
  for (const auto& equal : equal_prints()) {
    // Of what several ranks printed in turn, only one that all of them printed is certain.
    const auto torn = std::ranges::count_if(equal.whole, [this](auto print) { return prints_[print].torn; });
    if (!tagged && torn > 0 && (mixed || equal.whole.size() == 1)) return std::nullopt;
    mixed = mixed || torn > 0;
    const auto tail = common_tail(equal, lines);
    TracebackGroup group;
    group.count = equal.whole.size() + equal.begun.size();
    for (const auto* prints : {&equal.whole, &equal.begun}) {
      for (const auto print : *prints) {
        const auto& one = prints_[print];
        const bool first = print == equal.whole.front();
        if (one.rank) group.ranks.push_back(*one.rank);
        auto shown = one.lines;
        if (tree_[one.node].kind == Kind::gap) shown.pop_back();
        if (prints == &equal.whole)
          shown.insert(shown.end(), one.tail.begin(), one.tail.begin() + static_cast<std::ptrdiff_t>(tail));
        for (const auto index : shown) {
          if (first) group.text += untagged(lines[index]);
          grouped.shown[index] = true;
        }
      }
    }
    std::ranges::sort(group.ranks);
    grouped.groups.push_back(std::move(group));
  }
  return grouped;
}

}  // namespace

std::string_view untagged(std::string_view line) {
  const auto tag = rank_tag(line);
  if (tag) line.remove_prefix(tag->size);
  if (tag && tag->of_open_mpi && line.starts_with(" T")) line.remove_prefix(1);  // Open MPI 5 adds a blank
  return line;
}

bool is_traceback_header(std::string_view line) {
  return untagged(line).starts_with(kTracebackHeader);
}

bool is_traceback_frame(std::string_view text) {
  return text.starts_with(kFrame) || text.starts_with("    ") || text.starts_with("  [Previous line");
}

std::optional<TracebackGroups> group_tracebacks(const Lines& lines, int ranks) {
  if (std::ranges::count_if(lines, is_traceback_header) < 2) return std::nullopt;
  const bool tagged = std::ranges::all_of(
      lines, [](const auto& line) { return !is_traceback_header(line) || rank_tag(line); });
  for (const auto preferred : {Preferred::last_one, Preferred::longest}) {
    Untangler untangler(ranks, preferred);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto tag = rank_tag(lines[i]);
      if (!tagged)
        untangler.take(i, lines[i]);
      else if (tag)
        untangler.take_tagged(i, untagged(lines[i]), tag->rank);
    }
    auto grouped = untangler.group(lines);
    if (grouped && std::ranges::any_of(grouped->groups, [](const auto& group) { return group.count > 1; }))
      return grouped;
  }
  return std::nullopt;
}

}  // namespace ec2mpi::ops
