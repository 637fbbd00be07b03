#include "ec2mpi/cluster/read/decode.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "ec2mpi/base/utf8.hpp"
#include "ec2mpi/cluster/values/quote.hpp"

namespace ec2mpi {
namespace {

constexpr std::size_t kMostBytes = std::size_t{256} << 20;  // a million instances as JSON; more is not a list
constexpr char32_t kNextLine = 0x85;
constexpr char32_t kLineSeparator = 0x2028;
constexpr char32_t kParagraphSeparator = 0x2029;

enum class ByteOrder { little, big };

/// The blanks of Unicode (category Zs) beside the one of ASCII.
bool is_space(char32_t point) {
  return point == 0xA0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200A) || point == 0x202F ||
         point == 0x205F || point == 0x3000;
}

/// Signs that show nothing: the soft hyphen, joiners, marks of direction, the byte order
/// mark. They are dropped, so that a word is the same with and without them.
bool is_invisible(char32_t point) {
  return point == 0xAD || point == 0x061C || (point >= 0x200B && point <= 0x200F) ||
         (point >= 0x202A && point <= 0x202E) || (point >= 0x2060 && point <= 0x2069) || point == 0xFEFF;
}

/// C0, DEL, C1, and the line and paragraph separators, zero-width and bidirectional marks: nothing to print
/// as is.
bool is_control(char32_t point) {
  return point < 0x20 || (point >= 0x7F && point < 0xA0) || point == kLineSeparator ||
         point == kParagraphSeparator || is_invisible(point);
}

/// Hyphens that typography writes for the one of ASCII.
bool is_hyphen(char32_t point) {
  return point == 0x2010 || point == 0x2011 || point == 0x2212;
}

/// A dash behind the "i" of an instance id, "i–0f7f...", is the work of an editor of texts.
bool is_dash_of_id(char32_t point, std::string_view before, std::string_view after) {
  const bool dash = point >= 0x2012 && point <= 0x2015;
  if (!dash || !before.ends_with('i') || after.empty()) return false;
  const char next = after.front();
  const bool begins = before.size() == 1 || std::string_view(" \t\n,;|\"'").find(before[before.size() - 2]) !=
                                                std::string_view::npos;
  return begins && ((next >= '0' && next <= '9') || (next >= 'a' && next <= 'f'));
}

/// The sign of ASCII that draws the same part of a table; 0 if the point is no part of a box (U+2500-257F).
char drawn_in_ascii(char32_t point) {
  if (point < 0x2500 || point > 0x257F) return 0;
  constexpr std::u32string_view kVertical = U"\u2502\u2503\u2506\u2507\u250A\u250B\u254E\u254F\u2551";
  constexpr std::u32string_view kHorizontal = U"\u2500\u2501\u2504\u2505\u2508\u2509\u254C\u254D\u2550";
  if (kVertical.find(point) != kVertical.npos) return '|';
  return kHorizontal.find(point) != kHorizontal.npos ? '-' : '+';
}

bool is_line_end(char32_t point) {
  return point == kNextLine || point == kLineSeparator || point == kParagraphSeparator;
}

void append_utf8(std::string& out, char32_t point) {
  constexpr std::array<unsigned, 4> kLead = {0, 0xC0, 0xE0, 0xF0};
  const unsigned more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  out += static_cast<char>(kLead[more] | (point >> (6 * more)));
  for (unsigned i = more; i-- > 0;) out += static_cast<char>(0x80U | ((point >> (6 * i)) & 0x3FU));
}

std::uint32_t utf16_unit(std::string_view bytes, std::size_t at, ByteOrder order) {
  const auto first = static_cast<unsigned char>(bytes[at]);
  const auto second = static_cast<unsigned char>(bytes[at + 1]);
  return order == ByteOrder::little ? first | static_cast<std::uint32_t>(second) << 8U
                                    : second | static_cast<std::uint32_t>(first) << 8U;
}

/// Nothing if a surrogate stands alone or a byte is left over.
std::optional<std::string> utf8_from_utf16(std::string_view bytes, ByteOrder order) {
  if (bytes.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    char32_t point = utf16_unit(bytes, i, order);
    // A low surrogate without the high one before it.
    if (point >= 0xDC00 && point < 0xE000) return std::nullopt;
    if (point >= 0xD800 && point < 0xDC00) {
      i += 2;
      if (i >= bytes.size()) return std::nullopt;
      const char32_t low = utf16_unit(bytes, i, order);
      if (low < 0xDC00 || low >= 0xE000) return std::nullopt;
      point = 0x10000 + ((point - 0xD800) << 10U) + (low - 0xDC00);
    }
    append_utf8(out, point);
  }
  return out;
}

/// Text of these lists is mostly ASCII, so in UTF-16 one byte of each pair is zero.
std::optional<ByteOrder> utf16_by_zeros(std::string_view bytes) {
  const std::string_view sample = bytes.substr(0, 4096);
  std::array<std::size_t, 2> zeros{};
  for (std::size_t i = 0; i < sample.size(); ++i) {
    if (sample[i] == '\0') ++zeros[i % 2];
  }
  if (zeros[0] == zeros[1]) return std::nullopt;
  return zeros[1] > zeros[0] ? ByteOrder::little : ByteOrder::big;
}

std::string not_text(std::string_view problem) {
  return fmt::format("{}; save the list as plain text in UTF-8", problem);
}

/// UTF-8 with line ends, spaces and marks made plain; the error names the line.
Result<std::string> clean_utf8(std::string_view text, std::string_view source) {
  std::string out;
  out.reserve(text.size());
  int line = 1;
  for (std::size_t i = 0; i < text.size();) {
    const char byte = text[i];
    if (byte >= 0x20 && byte < 0x7F) {
      out += byte;
      ++i;
      continue;
    }
    const CodePoint point = first_code_point(text.substr(i));
    if (!point.valid) return bad_list(source, line, not_text("a byte here is not UTF-8"));
    i += point.length;
    // CR LF is one line end.
    if (point.value == '\r' && i < text.size() && text[i] == '\n') continue;
    if (point.value == '\n' || point.value == '\r' || is_line_end(point.value)) {
      out += '\n';
      ++line;
    } else if (is_space(point.value)) {
      out += ' ';
    } else if (is_hyphen(point.value) || is_dash_of_id(point.value, out, text.substr(i))) {
      out += '-';
    } else if (const char drawn = drawn_in_ascii(point.value); drawn != 0) {
      out += drawn;
    } else if (point.value == '\t' || !is_control(point.value)) {
      out.append(text, i - point.length, point.length);
    } else if (!is_invisible(point.value)) {
      return bad_list(source, line,
                      not_text(fmt::format("a control character (U+{:04X}) stands here",
                                           static_cast<std::uint32_t>(point.value))));
    }
  }
  return out;
}

}  // namespace

std::string clean_text(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  while (!utf8.empty()) {
    const CodePoint point = first_code_point(utf8);
    const bool plain = point.valid && !is_control(point.value) && !is_space(point.value);
    if (plain) out += utf8.substr(0, point.length);
    // A control character or a damaged byte must not reach the terminal.
    if (!plain && !is_invisible(point.value)) out += ' ';
    utf8.remove_prefix(point.length);
  }
  return out;
}

Result<std::string> decode_list(std::string_view bytes, std::string_view source) {
  using namespace std::string_view_literals;
  if (bytes.size() > kMostBytes) return bad_list(source, 0, "this is too large to be a list of instances");
  // The byte order mark of UTF-8.
  if (bytes.starts_with("\xEF\xBB\xBF"sv)) return clean_utf8(bytes.substr(3), source);
  std::optional<ByteOrder> order;
  if (bytes.starts_with("\xFF\xFE"sv) || bytes.starts_with("\xFE\xFF"sv)) {
    order = bytes.front() == '\xFF' ? ByteOrder::little : ByteOrder::big;
    bytes.remove_prefix(2);
  } else if (bytes.find('\0') != std::string_view::npos) {
    // Zero bytes without a byte order mark: UTF-16, or no text at all.
    order = utf16_by_zeros(bytes);
    if (!order) return bad_list(source, 0, not_text("this is not a text file (it holds zero bytes)"));
  }
  if (!order) return clean_utf8(bytes, source);
  const std::optional<std::string> text = utf8_from_utf16(bytes, *order);
  if (!text) return bad_list(source, 0, not_text("this looks like UTF-16 but is damaged"));
  return clean_utf8(*text, source);
}

}  // namespace ec2mpi
