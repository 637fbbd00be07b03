#pragma once

#include <string>
#include <string_view>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi {

/// The bytes of a list as clean UTF-8: lines end in LF; only TAB and LF remain of the control characters;
/// every kind of space is U+0020, every hyphen (and a dash inside an instance id) that of ASCII; zero-width
/// and bidirectional marks are gone. Reads UTF-8 and UTF-16 (either order), with or without a byte order
/// mark, and CRLF or CR line ends. Errors (ErrorKind::inventory): other encodings, control characters, a file
/// too large to be a list.
[[nodiscard]] Result<std::string> decode_list(std::string_view bytes, std::string_view source);

/// The same cleaning for one text that came escaped (JSON): control characters, TAB and LF too, become
/// spaces.
[[nodiscard]] std::string clean_text(std::string_view utf8);

}  // namespace ec2mpi
