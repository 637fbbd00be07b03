#pragma once

#include <string_view>
#include <vector>

namespace ec2mpi {

/// Calls `visit(line, number)` for each line between LFs; numbers start at 1.
template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    visit(text.substr(0, end), number);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

/// The line up to a `#` that stands at its start or after white space.
[[nodiscard]] std::string_view without_comment(std::string_view line);

/// A line that is no row: drawn, with at least two dashes (or "==") in a row and no word, or the count of
/// rows that psql and mysql write below a table.
[[nodiscard]] bool is_rule(std::string_view line);

/// The pieces between runs of blanks that begin with `gap`.
[[nodiscard]] std::vector<std::string_view> pieces_of(std::string_view line, std::string_view gap);

}  // namespace ec2mpi
