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

/// The lines of `count` equal tracebacks that were printed in turn, as one; nothing if they are not equal. A
/// line that a traceback has m times stands there m * count times, and every count-th of them is the next of
/// one rank.
std::optional<Lines> untangle(const Lines& lines, std::size_t count) {
  std::map<std::string_view, std::vector<std::size_t>> places;
  for (std::size_t i = 0; i < lines.size(); ++i) places[lines[i]].push_back(i);
  std::vector<std::size_t> chosen;
  for (const auto& [line, at] : places) {
    if (at.size() % count != 0) return std::nullopt;
    for (std::size_t i = 0; i < at.size(); i += count) chosen.push_back(at[i]);
  }
  std::sort(chosen.begin(), chosen.end());
  Lines one;
  for (const auto i : chosen) one.push_back(lines[i]);
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
  const auto one = untangle(lines, count);
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

void TracebackFilter::take_line(std::string line, std::string& passed) {
  const auto text = text_of(line);
  const bool header = text.starts_with(kHeader);
  bool belongs = header;
  if (header) {
    ++open_;
  } else if (!lines_.empty()) {
    const bool last = open_ > 0 && is_exception(text);
    if (last) --open_;
    belongs = last || text.starts_with(' ') || trim(text).empty() || joins_tracebacks(text);
  }
  // Beyond the limit, the tracebacks are shown as they came.
  if (belongs && held_ + line.size() <= kMostHeld) {
    held_ += line.size();
    lines_.push_back(std::move(line));
    return;
  }
  passed += take_held() + line;
}

std::string TracebackFilter::take_held() {
  open_ = held_ = 0;
  const auto lines = std::exchange(lines_, {});
  // One traceback alone needs no title.
  if (std::count_if(lines.begin(), lines.end(), is_header) < 2) return joined(lines);
  const bool tagged = std::ranges::all_of(lines, [](const auto& line) { return rank_tag(line).has_value(); });
  const auto groups = tagged ? groups_of_tagged(lines) : groups_of_untagged(lines);
  const bool repeated = std::ranges::any_of(groups, [](const auto& group) { return group.count > 1; });
  if (!repeated) return joined(lines);
  std::string text;
  for (const auto& group : groups)
    text += (group.count > 1 || tagged ? title_of(group, ranks_) : "") + group.text;
  return text;
}

std::string TracebackFilter::finish() {
  auto text = take_held() + partial_;
  if (!partial_.empty()) in_line_ = true;
  partial_.clear();
  return text;
}

}  // namespace ec2mpi::ops
