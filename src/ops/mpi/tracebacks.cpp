#include "ec2mpi/ops/mpi/tracebacks.hpp"

#include <fmt/format.h>

#include <utility>

#include "ec2mpi/cluster/values/selection.hpp"
#include "src/ops/mpi/traceback_groups.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::size_t kMostHeld = 1 << 20;  // bytes; a thousand ranks with tracebacks of twenty lines
constexpr std::size_t kMostOthers = 200;    // lines behind the last traceback: the program continues

/// May become a header when the rest of the line arrives.
bool may_be_header(std::string_view start) {
  // No tag is longer.
  const bool may_be_tag = start.starts_with('[') && start.size() < 40;
  const auto text = untagged(start);
  return may_be_tag || (text.size() <= kTracebackHeader.size() && kTracebackHeader.starts_with(text)) ||
         is_traceback_header(start);
}

std::string title_of(const TracebackGroup& group, int ranks) {
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
  const bool header = is_traceback_header(line);
  if (!header && lines_.empty()) {
    passed += line;
    return;
  }
  // Words of mpirun stand between tracebacks, so everything waits. Beyond a limit all is shown in its order.
  others_ = header || is_traceback_frame(untagged(line)) ? 0 : others_ + 1;
  if (header) ++tracebacks_;
  if (others_ > kMostOthers || held_ + line.size() > kMostHeld) {
    passed += take_held() + line;
    return;
  }
  held_ += line.size();
  lines_.push_back(std::move(line));
}

std::string TracebackFilter::take_held() {
  const auto lines = std::exchange(lines_, {});
  held_ = others_ = 0;
  std::string text;
  const auto grouped = group_tracebacks(lines, ranks_);
  if (grouped)
    for (const auto& group : grouped->groups) {
      // One traceback alone needs no title, except that its rank may be known.
      if (group.count > 1 || !group.ranks.empty()) text += title_of(group, ranks_);
      text += group.text;
    }
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (!grouped || !grouped->shown[i]) text += lines[i];
  return text;
}

std::string TracebackFilter::finish() {
  auto text = take_held() + partial_;
  if (!partial_.empty()) in_line_ = true;
  partial_.clear();
  return text;
}

}  // namespace ec2mpi::ops
