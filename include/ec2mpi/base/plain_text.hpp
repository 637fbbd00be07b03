#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace ec2mpi {

/// What is wrong with a text that a person or another program wrote.
struct TextFault {
  int line = 0;         ///< 0: the text as a whole
  std::string problem;  ///< in plain words
};

/// The bytes of a file as clean UTF-8: lines end in LF; only TAB and LF remain of the control characters;
/// every kind of space is U+0020, every hyphen (and a dash inside an identifier) that of ASCII; zero-width
/// and bidirectional marks are gone. Reads UTF-8 and UTF-16 (either order), with or without a byte order
/// mark, and CRLF or CR line ends. Errors: other encodings, control characters.
[[nodiscard]] std::expected<std::string, TextFault> plain_text(std::string_view bytes);

/// The same cleaning for one text that came escaped (JSON): what would be an error, TAB and LF too, become
/// spaces.
[[nodiscard]] std::string clean_text(std::string_view utf8);

}  // namespace ec2mpi
