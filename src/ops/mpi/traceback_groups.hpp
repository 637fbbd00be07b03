#pragma once
/// Finds the tracebacks of Python in the lines that several ranks printed in turn, and which of them are
/// equal. Pure.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ec2mpi::ops {

inline constexpr std::string_view kTracebackHeader = "Traceback (most recent call last):";

/// The line without the tag of its rank.
[[nodiscard]] std::string_view untagged(std::string_view line);

/// These two take a line with or without a tag, and a line without one.
[[nodiscard]] bool is_traceback_header(std::string_view line);
[[nodiscard]] bool is_traceback_frame(std::string_view text);

/// A text, and how many ranks printed it or which.
struct TracebackGroup {
  std::string text;
  std::size_t count = 0;
  std::vector<int> ranks;
};

struct TracebackGroups {
  std::vector<TracebackGroup> groups;
  std::vector<bool> shown;  ///< the lines that are in a group
};

/// `ranks`: how many there are; 0: unknown. Nothing if no traceback is there twice, or if it is not certain
/// which lines belong together.
[[nodiscard]] std::optional<TracebackGroups> group_tracebacks(const std::vector<std::string>& lines,
                                                              int ranks);

}  // namespace ec2mpi::ops
