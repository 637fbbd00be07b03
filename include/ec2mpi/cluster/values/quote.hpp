#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi {

/// `text` in single quotes for a message: printable, and cut with "..." after `most` bytes.
[[nodiscard]] std::string in_quotes(std::string_view text, std::size_t most = 60);

/// "a, b, c and 4 more": at most `most` of the items.
[[nodiscard]] std::string some_of(const std::vector<std::string>& items, std::size_t most = 5);

/// "line 3", or "lines 3, 4, 9 and 2 more".
[[nodiscard]] std::string lines_text(const std::vector<int>& lines);

/// ErrorKind::inventory with "SOURCE:LINE: what", or "SOURCE: what" when `line` is 0.
[[nodiscard]] std::unexpected<Error> bad_list(std::string_view source, int line, std::string_view what);

}  // namespace ec2mpi
