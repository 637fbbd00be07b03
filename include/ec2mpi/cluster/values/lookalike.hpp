#pragma once
/// Signs that keyboards for Chinese, and word processors, give where a plain one is meant: letters, digits
/// and punctuation of full width, curly quotes, long dashes. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace ec2mpi {

struct Lookalike {
  std::string_view sign;  ///< a part of the text; three bytes
  char plain;             ///< the character that it looks like
};

/// The first such sign of the text; nothing if there is none.
[[nodiscard]] std::optional<Lookalike> find_lookalike(std::string_view text);

/// The text with the plain signs.
[[nodiscard]] std::string with_plain_signs(std::string_view text);

/// "'，' only looks like ','", about the first such sign; empty if there is none.
[[nodiscard]] std::string describe_lookalike(std::string_view text);

}  // namespace ec2mpi
