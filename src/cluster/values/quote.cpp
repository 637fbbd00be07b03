#include "ec2mpi/cluster/values/quote.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/utf8.hpp"

namespace ec2mpi {

std::string in_quotes(std::string_view text, std::size_t most) {
  if (text.size() <= most) return "'" + printable(text) + "'";
  std::size_t end = most;
  // Never within a UTF-8 character.
  while (end > 0 && !begins_character(text[end])) --end;
  return "'" + printable(text.substr(0, end)) + "...'";
}

std::string some_of(const std::vector<std::string>& items, std::size_t most) {
  const std::size_t shown = std::min(items.size(), most);
  std::string out;
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) out += ", ";
    out += items[i];
  }
  if (shown < items.size()) out += fmt::format(" and {} more", items.size() - shown);
  return out;
}

std::string lines_text(const std::vector<int>& lines) {
  std::vector<std::string> numbers;
  for (const int line : lines) numbers.push_back(fmt::format("{}", line));
  return (lines.size() == 1 ? "line " : "lines ") + some_of(numbers);
}

std::unexpected<Error> bad_list(std::string_view source, int line, std::string_view what) {
  // The name of a file may hold any bytes.
  const std::string name = printable(source);
  return fail(ErrorKind::inventory,
              line > 0 ? fmt::format("{}:{}: {}", name, line, what) : fmt::format("{}: {}", name, what));
}

}  // namespace ec2mpi
