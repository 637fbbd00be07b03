#pragma once
/// The parts of a selection's text.

#include <optional>
#include <string_view>
#include <vector>

namespace ec2mpi {

/// The terms between commas. A comma in brackets belongs to its term: node[1-3,5].
[[nodiscard]] std::vector<std::string_view> terms_of(std::string_view text);

/// "node[1-3]" of "node[1-3] (3)", as ec2mpi prints it with the count.
[[nodiscard]] std::string_view without_count(std::string_view text);

/// "node[1-3]" of "node[1-3] (3): exit 1", as ec2mpi prints a failure; any other text as it is.
[[nodiscard]] std::string_view without_failure(std::string_view text);

/// "ip-10-0-0-[1-3,5]" in its parts.
struct NumberedNames {
  std::string_view before;
  std::vector<std::string_view> ranges;
  std::string_view behind;

  /// Nothing if there are no numbers in brackets.
  static std::optional<NumberedNames> parse(std::string_view term);
};

}  // namespace ec2mpi
