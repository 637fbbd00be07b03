// The marks that show where a program's output begins and ends: the shell text that prints them, and the
// cutters that find them again in streams whose bytes arrive in parts of any size.

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"

namespace ec2mpi::ops {

namespace {

/// Between the word of the end mark and the bytes behind it.
constexpr char kWordEnd = ':';
constexpr std::size_t kLongestWord = 64;  ///< a UUID has 36

}  // namespace

// Printed in two halves: a shell that only repeats its line does not print the mark.
BeginMark::BeginMark() : first_("ec2mpi-" + random_hex(16)), second_(random_hex(16) + "-begins") {}

std::string BeginMark::print() const {
  return fmt::format("command printf %s%s {0} {1} || exit; command printf '\\037%s%s' {0} {1} >&2\n", first_,
                     second_);
}

std::string BeginMark::print_with_end_word() const {
  return fmt::format(
      "command printf %s%s%s: {0} {1} \"$ec2mpi_end\" || exit; "
      "command printf '\\037%s%s%s:' {0} {1} \"$ec2mpi_end\" >&2\n",
      first_, second_);
}

EndMark::EndMark() : first_("ec2mpi-" + random_hex(16)), second_(random_hex(16) + "-ends") {}

/// The first byte is one with which no text ends: a program that waits for an answer to its last bytes would
/// wait for ever if these bytes were held back as a possible beginning of the mark.
std::string EndMark::text(std::string_view word) const {
  return ("\x1f" + first_ + second_).append(word);
}

/// By the shell itself: the command line of another program would show the word. Without /proc it is empty,
/// and the mark is only as secret as our command line.
std::string_view EndMark::choose_word() {
  return "ec2mpi_end=; { command read -r ec2mpi_end </proc/sys/kernel/random/uuid; } 2>/dev/null\n";
}

/// In a subshell, for a program may replace its shell by `exec`, and may close or redirect its streams.
std::string EndMark::print_behind(std::string_view program) const {
  const auto words = fmt::format("command printf '\\037%s%s%s%d;' {} {} \"$ec2mpi_end\" \"$ec2mpi_status\"",
                                 first_, second_);
  // A program may end its process group by TERM; the shell around it has to stay for the mark.
  return fmt::format("trap : TERM\n(\n{0}\n)\nec2mpi_status=$?\n{1}\n{1} >&2\nexit \"$ec2mpi_status\"\n",
                     program, words);
}

MarkCutter::Parts MarkCutter::feed(std::string_view bytes) {
  if (is_behind_marks()) return {{}, std::string(bytes)};
  held_ += bytes;
  Parts parts;
  if (phase_ == Phase::before) {
    parts.before = cut_before();
    if (phase_ == Phase::before) return parts;
  }
  if (phase_ == Phase::at_word) cut_word();
  if (phase_ == Phase::at_word) return parts;
  const auto second = kErrSign + mark_ + (word_ ? *word_ + kWordEnd : std::string());
  // These bytes may still become the mark of the other stream.
  if (held_.size() < second.size() && second.starts_with(held_)) return parts;
  const bool both = held_.starts_with(second);
  if (both) held_.erase(0, second.size());
  phase_ = both ? Phase::behind_both : Phase::behind;
  parts.behind = std::exchange(held_, {});
  return parts;
}

/// Cuts off the mark and the bytes in front of it, or those that cannot be a part of it.
std::string MarkCutter::cut_before() {
  const auto at = held_.find(mark_);
  auto size = at;
  if (at == std::string::npos) {
    size = held_.size() - std::min(held_.size(), mark_.size());
    while (!mark_.starts_with(std::string_view(held_).substr(size))) ++size;
  }
  // The sign in front of a mark does not belong to the greeting.
  if (size > 0 && held_[size - 1] == kErrSign) --size;
  auto before = held_.substr(0, size);
  held_.erase(0, at == std::string::npos ? size : at + mark_.size());
  if (at != std::string::npos) phase_ = has_word_ ? Phase::at_word : Phase::at_second;
  return before;
}

void MarkCutter::cut_word() {
  const auto end = held_.find(kWordEnd);
  if (end == std::string::npos && held_.size() <= kLongestWord) return;
  word_ = held_.substr(0, end);
  held_.erase(0, end == std::string::npos ? end : end + 1);
  phase_ = Phase::at_second;
}

MarkCutter::Parts MarkCutter::rest() {
  auto rest = std::exchange(held_, {});
  return begun() ? Parts{{}, std::move(rest)} : Parts{std::move(rest), {}};
}

std::string_view EndCutter::feed(std::string_view bytes) {
  if (found_) {
    read_status(bytes);
    return {};
  }
  if (!held_.empty()) {
    given_ = std::exchange(held_, {}).append(bytes);
    bytes = given_;
  }
  if (const auto at = bytes.find(mark_); at != std::string_view::npos) {
    found_ = true;
    read_status(bytes.substr(at + mark_.size()));
    return bytes.substr(0, at);
  }
  // The longest end of these bytes that may be the beginning of the mark.
  auto kept = std::min(bytes.size(), mark_.size() - 1);
  while (!bytes.ends_with(std::string_view(mark_).substr(0, kept))) --kept;
  held_ = bytes.substr(bytes.size() - kept);
  return bytes.substr(0, bytes.size() - kept);
}

void EndCutter::read_status(std::string_view bytes) {
  if (status_) return;
  const auto end = bytes.find(';');
  digits_ += bytes.substr(0, end);
  if (end == std::string_view::npos) return;
  const auto number = parse_number(digits_);
  // Any other text than a shell's status counts as a failure.
  status_ = number && *number <= 255 ? static_cast<int>(*number) : 255;
}

std::string EndCutter::rest() {
  return std::exchange(held_, {});
}

}  // namespace ec2mpi::ops
