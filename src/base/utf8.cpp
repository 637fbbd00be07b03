#include "ec2mpi/base/utf8.hpp"

#include <array>

namespace ec2mpi {

CodePoint first_code_point(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  // 0xC0 and 0xC1 begin overlong forms only; bytes from 0xF5 on lead beyond U+10FFFF.
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  char32_t value = lead & (0x7FU >> length);
  for (const char c : text.substr(1, length - 1)) {
    if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) return {};
    value = value << 6U | (static_cast<unsigned char>(c) & 0x3FU);
  }
  // An overlong form is refused: it could hide a control character from the filters.
  static constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value < 0xE000;
  if (value < kLeast[length] || surrogate || value > 0x10FFFF) return {};
  return {value, length, true};
}

}  // namespace ec2mpi
