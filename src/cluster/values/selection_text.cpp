#include "src/cluster/values/selection_text.hpp"

#include "ec2mpi/base/text.hpp"

namespace ec2mpi {

std::vector<std::string_view> terms_of(std::string_view text) {
  std::vector<std::string_view> terms;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto close = text[at] == '[' ? text.find(']', at) : std::string_view::npos;
    if (close != std::string_view::npos) at = close;
    if (text[at] != ',') continue;
    terms.push_back(text.substr(begin, at - begin));
    begin = at + 1;
  }
  terms.push_back(text.substr(begin));
  return terms;
}

std::string_view without_count(std::string_view text) {
  const auto open = text.rfind(" (");
  if (open == std::string_view::npos || !text.ends_with(')')) return text;
  return parse_number(text.substr(open + 2, text.size() - open - 3)) ? trim(text.substr(0, open)) : text;
}

std::string_view without_failure(std::string_view text) {
  const auto colon = text.find(':');
  const auto nodes = without_count(trim(text.substr(0, colon)));
  const bool end = colon == text.npos || colon + 1 == text.size() || text[colon + 1] == ' ';
  const bool label = nodes.starts_with("node") && nodes.find_first_not_of("0123456789[],-", 4) == nodes.npos;
  return end && label ? nodes : text;
}

std::optional<NumberedNames> NumberedNames::parse(std::string_view term) {
  const auto open = term.find('[');
  const auto close = term.find(']', open);
  if (open == std::string_view::npos || close == std::string_view::npos) return std::nullopt;
  const auto numbers = term.substr(open + 1, close - open - 1);
  // Other letters in brackets belong to a glob.
  if (numbers.empty() || numbers.find_first_not_of("0123456789-,") != std::string_view::npos)
    return std::nullopt;
  return NumberedNames{term.substr(0, open), split(numbers, ','), term.substr(close + 1)};
}

}  // namespace ec2mpi
