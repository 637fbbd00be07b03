#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ec2mpi {

/// The character at the start of a text.
struct CodePoint {
  char32_t value = 0;
  std::size_t length = 1;  ///< bytes used, at least 1 even if not valid
  bool valid = false;
};

/// Strict UTF-8 (no overlong forms, no surrogates). `text` is not empty.
[[nodiscard]] CodePoint first_code_point(std::string_view text);

/// False for the bytes of a character behind its first one.
[[nodiscard]] constexpr bool begins_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
}

/// How many characters a text has.
[[nodiscard]] std::size_t characters_in(std::string_view utf8);

/// Which byte of each pair is the low one, 0 or 1, if these are bytes of UTF-16: by the byte order mark, else
/// by the zero bytes, for the high byte of most characters is zero. Looks at the beginning only.
[[nodiscard]] std::optional<std::size_t> low_byte_of_utf16(std::string_view bytes);

/// UTF-16 as UTF-8; a byte order mark stays. Nothing if a surrogate stands alone or a byte is left over.
[[nodiscard]] std::optional<std::string> utf8_from_utf16(std::string_view bytes, std::size_t low_byte);

/// The text with "u" and eight digits, a checksum, in the place of each run of letters beyond ASCII: for
/// names of files and words of a shell. Different texts give different results, unless their checksums happen
/// to be equal.
[[nodiscard]] std::string code_beyond_ascii(std::string_view text);

}  // namespace ec2mpi
