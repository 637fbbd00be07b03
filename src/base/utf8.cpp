#include "ec2mpi/base/utf8.hpp"

#include <fmt/format.h>
#include <zlib.h>
#include <algorithm>
#include <array>
#include <utility>

namespace ec2mpi {
namespace {

/// `point` must be no surrogate, and at most U+10FFFF.
void append_utf8(std::string& out, char32_t point) {
  constexpr std::array<unsigned, 4> kLead = {0, 0xC0, 0xE0, 0xF0};
  const unsigned more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  out += static_cast<char>(kLead[more] | (point >> (6 * more)));
  for (unsigned i = more; i-- > 0;) out += static_cast<char>(0x80U | ((point >> (6 * i)) & 0x3FU));
}

}  // namespace

CodePoint first_code_point(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  // 0xC0 and 0xC1 begin overlong forms only; bytes from 0xF5 on lead beyond U+10FFFF.
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  char32_t value = lead & (0x7FU >> length);
  for (const char c : text.substr(1, length - 1)) {
    if (begins_character(c)) return {};
    value = value << 6U | (static_cast<unsigned char>(c) & 0x3FU);
  }
  // An overlong form is refused: it could hide a control character from the filters.
  static constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value < 0xE000;
  if (value < kLeast[length] || surrogate || value > 0x10FFFF) return {};
  return {value, length, true};
}

std::size_t characters_in(std::string_view utf8) {
  return static_cast<std::size_t>(std::ranges::count_if(utf8, begins_character));
}

/// By the byte order mark, else by the zeros: in a list of instances nearly all characters are ASCII. A few
/// zeros are those of a list for `xargs -0` or of a binary file.
std::optional<std::size_t> low_byte_of_utf16(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xFE")) return 0;
  if (bytes.starts_with("\xFE\xFF")) return 1;
  const std::string_view sample = bytes.substr(0, 4096);
  std::array<std::size_t, 2> zeros{};
  for (std::size_t i = 0; i < sample.size(); ++i) zeros[i % 2] += sample[i] == '\0' ? 1 : 0;
  const std::size_t low = zeros[1] > zeros[0] ? 0 : 1;
  const auto in_low_bytes = zeros[low], in_high_bytes = zeros[1 - low];
  const bool is_text = in_high_bytes * 4 >= sample.size() && in_low_bytes * 8 <= in_high_bytes;
  return is_text && in_high_bytes > 0 ? std::optional(low) : std::nullopt;
}

std::optional<std::string> utf8_from_utf16(std::string_view bytes, std::size_t low_byte) {
  std::string out;
  out.reserve(bytes.size());
  char32_t high = 0;  // a surrogate that waits for its second half
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    const char32_t unit = byte(i + low_byte) | static_cast<char32_t>(byte(i + 1 - low_byte)) << 8U;
    const bool is_high = unit >> 10U == 0x36, is_low = unit >> 10U == 0x37;
    if (is_low != (high != 0)) return std::nullopt;
    if (!is_high) append_utf8(out, is_low ? 0x10000 + ((high & 0x3FFU) << 10U) + (unit & 0x3FFU) : unit);
    high = is_high ? unit : 0;
  }
  return high != 0 || bytes.size() % 2 != 0 ? std::nullopt : std::optional(std::move(out));
}

/// A checksum in the place of each such part keeps different names different.
std::string code_beyond_ascii(std::string_view text) {
  const auto is_beyond = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
  std::string coded;
  while (!text.empty()) {
    const auto* const begin = std::ranges::find_if(text, is_beyond);
    const auto* const end = std::find_if_not(begin, text.end(), is_beyond);
    coded.append(text.begin(), begin);
    const auto size = static_cast<uInt>(end - begin);
    if (size > 0) coded += fmt::format("u{:08x}", ::crc32(0, reinterpret_cast<const Bytef*>(begin), size));
    text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
  }
  return coded;
}

}  // namespace ec2mpi
