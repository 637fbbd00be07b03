#include "src/cluster/values/selection_hint.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "ec2mpi/cluster/values/lookalike.hpp"
#include "src/cluster/values/selection_columns.hpp"

namespace ec2mpi {

namespace {

/// Takes digits off the front of the text, behind "node" or "n" if that is there.
std::string_view take_node_number(std::string_view& text) {
  for (const std::string_view word : {"node", "n"}) {
    if (!text.starts_with(word)) continue;
    text.remove_prefix(word.size());
    break;
  }
  const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
  text.remove_prefix(digits.size());
  return digits;
}

/// "1-3" of node1-3, node1-node3, 1:3, 1..3 and 1to3; else empty.
std::string range_meant_by(std::string_view term) {
  const auto first = take_node_number(term);
  for (const std::string_view sign : {"-", ":", "..", "to"}) {
    if (!term.starts_with(sign)) continue;
    auto rest = term.substr(sign.size());
    const auto last = take_node_number(rest);
    return first.empty() || last.empty() || !rest.empty() ? "" : fmt::format("{}-{}", first, last);
  }
  return {};
}

}  // namespace

std::string meant_by(std::string_view term) {
  if (const auto sign = describe_lookalike(term); !sign.empty()) return sign + "; type it as in 1,3-5";
  if (term.starts_with('^'))
    return fmt::format("for the nodes in a file: -w \"$(paste -sd, {})\"", printable(term.substr(1)));
  if (const auto at = term.find('@'); at != std::string_view::npos && at > 0)
    return fmt::format("for another user: -l {} -w {}", printable(term.substr(0, at)),
                       printable(term.substr(at + 1)));
  if (const auto range = range_meant_by(term); !range.empty()) return "write " + range;
  if (term.find('/') != std::string_view::npos) return "a range has no step: write each number, as in 1,3,5";
  if (term.starts_with("ip-"))
    return "`ec2mpi setup` learns the names of the nodes; `ec2mpi nodes` shows what there is";
  if (is_private_ipv4(term))
    return "`ec2mpi setup` learns the nodes' private addresses; `ec2mpi nodes` shows what there is";
  const auto equals = term.find('=');
  if (equals != std::string_view::npos && column_called(lower_case(term.substr(0, equals))) == nullptr)
    return "the columns are " + names_of_columns();
  return "`ec2mpi nodes` shows what there is";
}

}  // namespace ec2mpi
