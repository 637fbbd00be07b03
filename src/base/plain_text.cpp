#include "ec2mpi/base/plain_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "ec2mpi/base/utf8.hpp"

namespace ec2mpi {
namespace {

constexpr char kKept = 0, kRefused = 1, kDropped = 2, kDash = 3;

/// Characters in a row of Unicode, and what becomes of them.
struct SignRange {
  char32_t first, last;
  char becomes;
};

constexpr SignRange kSigns[] = {
#include "src/base/unicode_signs.inc"
};
static_assert(std::ranges::is_sorted(kSigns, {}, &SignRange::last));

char plain_sign(char32_t point) {
  const auto range = std::ranges::lower_bound(kSigns, point, {}, &SignRange::last);
  return range != std::end(kSigns) && range->first <= point ? range->becomes : kKept;
}

/// A dash behind the letter "i" that begins an identifier, "i–0f7f...", is the work of an editor of texts.
bool is_dash_of_id(std::string_view before, std::string_view after) {
  constexpr std::string_view kBetweenWords = " \t\n,;|\"'";
  if (!before.ends_with('i') || after.empty()) return false;
  return (before.size() == 1 || kBetweenWords.contains(before[before.size() - 2])) &&
         std::string_view("0123456789abcdef").contains(after.front());
}

/// UTF-8 with line ends, spaces and marks made plain. The first byte that is not UTF-8, or control character,
/// goes to `fault` and ends the work; without `fault` these, tabs and line ends become blanks.
std::string clean(std::string_view text, TextFault* fault) {
  const bool one_line = fault == nullptr;
  std::string out;
  out.reserve(text.size());
  // Most characters need no look-up.
  const auto is_plain = [&](char c) {
    return (c >= 0x20 && c < 0x7F) || ((c == '\n' || c == '\t') && !one_line);
  };
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t begin = i;
    while (i < text.size() && is_plain(text[i])) ++i;
    out.append(text, begin, i - begin);
    if (i == text.size()) break;
    const CodePoint point = first_code_point(text.substr(i));
    char sign = point.valid ? plain_sign(point.value) : kRefused;
    if (sign == kRefused && !one_line) {
      const auto line = static_cast<int>(std::ranges::count(out, '\n')) + 1;
      *fault = {line, "a byte here is not UTF-8"};
      if (point.valid)
        fault->problem = fmt::format("a control character (U+{:04X}) stands here",
                                     static_cast<std::uint32_t>(point.value));
      return out;
    }
    i += point.length;
    // CR LF is one line end.
    if (point.value == '\r' && i < text.size() && text[i] == '\n') continue;
    if (sign == kDash) sign = is_dash_of_id(out, text.substr(i)) ? '-' : kKept;
    if (one_line && (sign == kRefused || sign == '\t' || sign == '\n')) sign = ' ';
    if (sign == kKept) out.append(text, i - point.length, point.length);
    if (sign != kKept && sign != kDropped) out += sign;
  }
  return out;
}

}  // namespace

std::string clean_text(std::string_view utf8) {
  return clean(utf8, nullptr);
}

/// A byte order mark is one of the signs that are dropped.
std::expected<std::string, TextFault> plain_text(std::string_view bytes) {
  const bool utf8_mark = bytes.starts_with("\xEF\xBB\xBF");
  const auto low_byte = utf8_mark ? std::nullopt : low_byte_of_utf16(bytes);
  if (!low_byte && !utf8_mark && bytes.contains('\0'))
    return std::unexpected(TextFault{0, "this is not a text file (it holds zero bytes)"});
  const auto utf8 = low_byte ? utf8_from_utf16(bytes, *low_byte) : std::nullopt;
  if (low_byte && !utf8) return std::unexpected(TextFault{0, "this looks like UTF-16 but is damaged"});
  TextFault fault;
  std::string text = clean(utf8 ? std::string_view(*utf8) : bytes, &fault);
  if (!fault.problem.empty()) return std::unexpected(std::move(fault));
  return text;
}

}  // namespace ec2mpi
