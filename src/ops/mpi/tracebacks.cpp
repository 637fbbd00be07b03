#include "ec2mpi/ops/mpi/tracebacks.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/selection.hpp"
#include "src/ops/mpi/rank_tag.hpp"

namespace ec2mpi::ops {

namespace {

using Lines = std::vector<std::string>;

constexpr std::string_view kHeader = "Traceback (most recent call last):";
constexpr std::size_t kMostHeld = 1 << 20;  // bytes; a thousand ranks with tracebacks of twenty lines

std::string_view text_of(std::string_view line) {
  const auto tag = rank_tag(line);
  if (tag) line.remove_prefix(tag->size);
  if (tag && tag->of_open_mpi && line.starts_with(" T")) line.remove_prefix(1);  // Open MPI 5 adds a blank
  return line;
}

bool is_header(std::string_view line) {
  return text_of(line).starts_with(kHeader);
}

/// May become a header when the rest of the line arrives.
bool may_be_header(std::string_view start) {
  // No tag is longer.
  const bool may_be_tag = start.starts_with('[') && start.size() < 40;
  const auto text = text_of(start);
  return may_be_tag || (text.size() <= kHeader.size() && kHeader.starts_with(text)) || is_header(start);
}

/// "ValueError: bad", "module.Error", "KeyboardInterrupt".
bool is_exception(std::string_view text) {
  if (text.starts_with(' ')) return false;
  // A Python name, with its modules.
  const auto name = trim(text.substr(0, text.find(':')));
  return !name.empty() && name.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "0123456789_.") == std::string_view::npos;
}

bool joins_tracebacks(std::string_view text) {
  return text.starts_with("During handling of the above exception") ||
         text.starts_with("The above exception was the direct cause");
}

/// One traceback, or several that "During handling ..." joins; nothing if the lines are those of several
/// ranks in turn.
std::optional<std::vector<Lines>> split_in_order(const Lines& lines) {
  std::vector<Lines> all;
  bool ended = true;
  bool joined = false;
  for (const auto& line : lines) {
    if (is_header(line)) {
      if (!ended) return std::nullopt;
      if (!joined) all.emplace_back();
      ended = joined = false;
    } else if (joins_tracebacks(line)) {
      joined = true;
    } else if (!line.starts_with(' ') && !trim(line).empty()) {
      if (ended) return std::nullopt;
      ended = true;
    }
    if (all.empty()) return std::nullopt;
    all.back().push_back(line);
  }
  return all;
}

/// Equal tracebacks that were printed in turn, as one; nothing if they are not equal. Each line is the next
/// one of a traceback that has come so far. mpirun ends ranks in the midst of theirs. Two must be whole, for
/// one alone may be a mixture of different ones.
std::optional<Lines> untangle(const Lines& lines) {
  Lines one;
  std::vector<std::size_t> printed;  // lines of each traceback
  for (const auto& line : lines) {
    if (is_header(line)) {
      printed.push_back(1);
      if (one.empty()) one.push_back(line);
      continue;
    }
    const auto known =
        std::ranges::find_if(printed, [&](auto n) { return n < one.size() && one[n] == line; });
    if (known != printed.end()) {
      ++*known;
      continue;
    }
    const auto first = std::ranges::find(printed, one.size());
    if (first == printed.end() || is_exception(one.back())) return std::nullopt;
    one.push_back(line);
    ++*first;
  }
  const bool ended = !one.empty() && is_exception(one.back());
  if (!ended || std::ranges::count(printed, one.size()) < 2) return std::nullopt;
  return one;
}

std::string joined(const Lines& lines) {
  std::string text;
  for (const auto& line : lines) text += line;
  return text;
}

/// A text, and how many ranks printed it or which.
struct Group {
  std::string text;
  std::size_t count = 0;
  std::vector<int> ranks;
};

void add(std::vector<Group>& groups, std::string text, std::optional<int> rank) {
  auto found = std::ranges::find(groups, text, &Group::text);
  if (found == groups.end()) found = groups.insert(groups.end(), Group{std::move(text), 0, {}});
  // Without a tag, nobody knows which rank printed it; the count is still right.
  ++found->count;
  if (rank) found->ranks.push_back(*rank);
}

std::vector<Group> groups_of_tagged(const Lines& lines) {
  std::vector<int> order;
  std::map<int, std::string> by_rank;
  for (const auto& line : lines) {
    const auto rank = rank_tag(line)->rank;
    if (!by_rank.contains(rank)) order.push_back(rank);
    by_rank[rank] += text_of(line);
  }
  std::vector<Group> groups;
  for (const int rank : order) add(groups, by_rank[rank], rank);
  return groups;
}

std::vector<Group> groups_of_untagged(const Lines& lines) {
  std::vector<Group> groups;
  if (const auto in_order = split_in_order(lines)) {
    for (const auto& one : *in_order) add(groups, joined(one), std::nullopt);
    return groups;
  }
  const auto count = static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), is_header));
  const auto one = untangle(lines);
  // Joined tracebacks have several headers each, which makes them look like more ranks.
  const bool simple = one && std::ranges::none_of(*one, joins_tracebacks);
  if (simple) groups.push_back({joined(*one), count, {}});
  return groups;
}

std::string title_of(const Group& group, int ranks) {
  if (!group.ranks.empty()) return fmt::format("rank {}:\n", fold_indices(group.ranks));
  // All ranks printed it, so their numbers are known without tags.
  if (group.count == static_cast<std::size_t>(ranks)) return fmt::format("rank 0-{}:\n", ranks - 1);
  return fmt::format("{} ranks:\n", group.count);
}

}  // namespace

std::string TracebackFilter::feed(std::string_view bytes) {
  std::string passed;
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const auto part = bytes.substr(0, end == std::string_view::npos ? end : end + 1);
    bytes.remove_prefix(part.size());
    const bool whole = part.ends_with('\n');
    // The beginning of this line has been shown, so its rest is not held back.
    if (in_line_) {
      passed += part;
      in_line_ = !whole;
      continue;
    }
    partial_ += part;
    if (whole) {
      take_line(std::exchange(partial_, {}), passed);
    } else if (lines_.empty() && !may_be_header(partial_)) {
      // Shown at once: it may be a question that waits for an answer.
      passed += std::exchange(partial_, {});
      in_line_ = true;
    }
  }
  return passed;
}

/// Whether a line is one of the tracebacks that are held back.
bool TracebackFilter::belongs(std::string_view text) const {
  if (text.starts_with("  File \"") || text.starts_with("    ") || joins_tracebacks(text)) return true;
  return foreign_ == 0 && (text.starts_with(' ') || trim(text).empty());
}

void TracebackFilter::take_line(std::string line, std::string& passed) {
  const auto text = text_of(line);
  bool foreign = false;
  if (text.starts_with(kHeader)) {
    ++open_;
  } else if (!lines_.empty() && open_ > 0 && is_exception(text)) {
    --open_;
  } else if (lines_.empty() || !belongs(text)) {
    foreign = true;
  }
  // Words of mpirun between tracebacks wait for the ends of these. Beyond the limit all is shown in its
  // order.
  if ((foreign && open_ == 0) || held_ + line.size() > kMostHeld) {
    passed += take_held() + line;
    return;
  }
  held_ += line.size();
  foreign_ += foreign ? 1 : 0;
  lines_.push_back({std::move(line), foreign});
}

std::string TracebackFilter::take_held() {
  open_ = held_ = foreign_ = 0;
  Lines lines;
  std::string others;
  std::string all;
  for (auto& [line, foreign] : std::exchange(lines_, {})) {
    all += line;
    if (foreign)
      others += line;
    else
      lines.push_back(std::move(line));
  }
  // One traceback alone needs no title.
  if (std::count_if(lines.begin(), lines.end(), is_header) < 2) return all;
  const bool tagged = std::ranges::all_of(lines, [](const auto& line) { return rank_tag(line).has_value(); });
  const auto groups = tagged ? groups_of_tagged(lines) : groups_of_untagged(lines);
  const bool repeated = std::ranges::any_of(groups, [](const auto& group) { return group.count > 1; });
  if (!repeated) return all;
  std::string text;
  for (const auto& group : groups)
    text += (group.count > 1 || tagged ? title_of(group, ranks_) : "") + group.text;
  return text + others;
}

std::string TracebackFilter::finish() {
  auto text = take_held() + partial_;
  if (!partial_.empty()) in_line_ = true;
  partial_.clear();
  return text;
}

}  // namespace ec2mpi::ops
