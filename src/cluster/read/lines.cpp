#include "src/cluster/read/lines.hpp"

#include <algorithm>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi {

/// A '#' begins a comment at the line's start or behind a blank; a word may hold one.
std::string_view without_comment(std::string_view line) {
  for (std::size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1)) {
    if (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t') return line.substr(0, at);
  }
  return line;
}

/// The lines of drawn tables ("+----+", "====") and the count of SQL clients ("(3 rows)").
bool is_rule(std::string_view line) {
  if (line.find_first_not_of("-+=| :\t") == std::string_view::npos)
    return line.find("--") != std::string_view::npos || line.find("==") != std::string_view::npos;
  if (line.starts_with('(')) line.remove_prefix(1);
  line.remove_prefix(std::min(line.find_first_not_of("0123456789"), line.size()));
  return line == " rows)" || line == " row)" || line.starts_with(" rows in set") ||
         line.starts_with(" row in set");
}

std::vector<std::string_view> pieces_of(std::string_view line, std::string_view gap) {
  std::vector<std::string_view> out;
  for (line = trim(line); !line.empty();) {
    const std::size_t end = line.find(gap);
    out.push_back(line.substr(0, end));
    line = end == std::string_view::npos ? std::string_view() : trim(line.substr(end));
  }
  return out;
}

}  // namespace ec2mpi
