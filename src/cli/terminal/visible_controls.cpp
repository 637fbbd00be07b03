#include "ec2mpi/cli/terminal/visible_controls.hpp"

#include <algorithm>
#include <utility>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::cli {

namespace {

/// Longer beginnings are no colours, and show as they are.
constexpr std::size_t kLongestColour = 32;

/// How many bytes at the end may be the beginning of a colour: ESC [ digits and semicolons
/// (ECMA-48, 8.3.117).
std::size_t open_colour(std::string_view bytes) {
  const auto escape = bytes.rfind('\x1b');
  if (escape == std::string_view::npos || bytes.size() - escape > kLongestColour) return 0;
  const auto rest = bytes.substr(escape + 1);
  if (!rest.empty() && rest.front() != '[') return 0;
  const bool is_open = rest.find_first_not_of("0123456789;:", 1) == std::string_view::npos;
  return is_open ? bytes.size() - escape : 0;
}

/// How many bytes at the end are a UTF-8 character that is not whole (RFC 3629).
std::size_t open_character(std::string_view bytes) {
  for (std::size_t back = 1; back <= 3 && back <= bytes.size(); ++back) {
    const auto byte = static_cast<unsigned char>(bytes[bytes.size() - back]);
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const std::size_t whole = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return back < whole ? back : 0;
  }
  return 0;
}

std::string visible(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    // These three end a line or move within it; all other controls are shown as text.
    const auto end = bytes.find_first_of("\n\r\b");
    text += terminal_line(bytes.substr(0, end));
    if (end == std::string_view::npos) break;
    text += bytes[end];
    bytes.remove_prefix(end + 1);
  }
  return text;
}

}  // namespace

std::string VisibleControls::feed(std::string_view bytes) {
  held_ += bytes;
  // An unfinished colour or character is held back until its rest arrives.
  const auto open = std::max(open_colour(held_), open_character(held_));
  const auto text = visible(std::string_view(held_).substr(0, held_.size() - open));
  held_.erase(0, held_.size() - open);
  return text;
}

std::string VisibleControls::finish() {
  return visible(std::exchange(held_, {}));
}

}  // namespace ec2mpi::cli
