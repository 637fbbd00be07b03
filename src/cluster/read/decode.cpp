#include "ec2mpi/cluster/read/decode.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "ec2mpi/base/utf8.hpp"
#include "src/cluster/read/messages.hpp"

namespace ec2mpi {
namespace {

constexpr std::size_t kMostBytes = std::size_t{256} << 20;  // a million instances as JSON; more is not a list
constexpr char kKept = 0, kRefused = 1, kDropped = 2, kDash = 3;

/// Characters in a row of Unicode, and what becomes of them.
struct SignRange {
  char32_t first, last;
  char becomes;
};

constexpr SignRange kSigns[] = {
#include "src/cluster/read/unicode_signs.inc"
};
static_assert(std::ranges::is_sorted(kSigns, {}, &SignRange::last));

char plain_sign(char32_t point) {
  const auto range = std::ranges::lower_bound(kSigns, point, {}, &SignRange::last);
  return range != std::end(kSigns) && range->first <= point ? range->becomes : kKept;
}

/// A dash behind the "i" of an instance id, "i–0f7f...", is the work of an editor of texts.
bool is_dash_of_id(std::string_view before, std::string_view after) {
  constexpr std::string_view kBetweenWords = " \t\n,;|\"'";
  if (!before.ends_with('i') || after.empty()) return false;
  return (before.size() == 1 || kBetweenWords.contains(before[before.size() - 2])) &&
         std::string_view("0123456789abcdef").contains(after.front());
}

void append_utf8(std::string& out, char32_t point) {
  constexpr std::array<unsigned, 4> kLead = {0, 0xC0, 0xE0, 0xF0};
  const unsigned more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  out += static_cast<char>(kLead[more] | (point >> (6 * more)));
  for (unsigned i = more; i-- > 0;) out += static_cast<char>(0x80U | ((point >> (6 * i)) & 0x3FU));
}

/// `low` is the place of the low byte in each pair. Nothing if a surrogate stands alone or a byte is left
/// over.
std::optional<std::string> utf8_from_utf16(std::string_view bytes, std::size_t low) {
  std::string out;
  out.reserve(bytes.size());
  char32_t high = 0;  // a surrogate that waits for its second half
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    const char32_t unit = byte(i + low) | static_cast<char32_t>(byte(i + 1 - low)) << 8U;
    const bool is_high = unit >> 10U == 0x36, is_low = unit >> 10U == 0x37;
    if (is_low != (high != 0)) return std::nullopt;
    if (!is_high) append_utf8(out, is_low ? 0x10000 + ((high & 0x3FFU) << 10U) + (unit & 0x3FFU) : unit);
    high = is_high ? unit : 0;
  }
  return high != 0 || bytes.size() % 2 != 0 ? std::nullopt : std::optional(std::move(out));
}

/// Where the low bytes of UTF-16 stand: text of these lists is mostly ASCII, so the other byte of each pair
/// is zero.
std::optional<std::size_t> low_byte_by_zeros(std::string_view bytes) {
  const std::string_view sample = bytes.substr(0, 4096);
  std::array<std::size_t, 2> zeros{};
  for (std::size_t i = 0; i < sample.size(); ++i) zeros[i % 2] += sample[i] == '\0' ? 1 : 0;
  return zeros[0] == zeros[1] ? std::nullopt : std::optional<std::size_t>(zeros[1] > zeros[0] ? 0 : 1);
}

/// UTF-8 with line ends, spaces and marks made plain; the error names the line.
Read<std::string> clean_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  int line = 1;
  for (std::size_t i = 0; i < text.size();) {
    // Most characters need no look-up.
    if ((text[i] >= 0x20 && text[i] < 0x7F) || text[i] == '\t') {
      out += text[i++];
      continue;
    }
    const CodePoint point = first_code_point(text.substr(i));
    if (!point.valid) return refuse(line, kNotUtf8);
    i += point.length;
    // CR LF is one line end.
    if (point.value == '\r' && i < text.size() && text[i] == '\n') continue;
    char sign = plain_sign(point.value);
    if (sign == kDash) sign = is_dash_of_id(out, text.substr(i)) ? '-' : kKept;
    if (sign == kRefused) return refuse(line, kControl, static_cast<std::uint32_t>(point.value));
    if (sign == '\n') ++line;
    if (sign == kKept) out.append(text, i - point.length, point.length);
    if (sign != kKept && sign != kDropped) out += sign;
  }
  return out;
}

/// UTF-8 or UTF-16, with or without a byte order mark.
Read<std::string> decode(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (bytes.size() > kMostBytes) return refuse(0, kTooLarge);
  // The byte order mark of UTF-8.
  if (bytes.starts_with("\xEF\xBB\xBF"sv)) return clean_utf8(bytes.substr(3));
  std::optional<std::size_t> low_byte;
  if (bytes.starts_with("\xFF\xFE"sv) || bytes.starts_with("\xFE\xFF"sv)) {
    low_byte = bytes.front() == '\xFF' ? 0 : 1;
    bytes.remove_prefix(2);
  } else if (bytes.contains('\0')) {
    // Zero bytes without a byte order mark: UTF-16, or no text at all.
    low_byte = low_byte_by_zeros(bytes);
    if (!low_byte) return refuse(0, kZeroBytes);
  }
  if (!low_byte) return clean_utf8(bytes);
  const std::optional<std::string> text = utf8_from_utf16(bytes, *low_byte);
  return text ? clean_utf8(*text) : refuse(0, kDamagedUtf16);
}

}  // namespace

std::string clean_text(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  while (!utf8.empty()) {
    const CodePoint point = first_code_point(utf8);
    const char sign = plain_sign(point.value);
    // A control character or a damaged byte must not reach the terminal.
    const bool blank = !point.valid || sign == kRefused || sign == ' ' || sign == '\t' || sign == '\n';
    if (blank) out += ' ';
    if (!blank && sign != kDropped) out += utf8.substr(0, point.length);
    utf8.remove_prefix(point.length);
  }
  return out;
}

Result<std::string> decode_list(std::string_view bytes, std::string_view source) {
  return with_source(decode(bytes), source);
}

}  // namespace ec2mpi
