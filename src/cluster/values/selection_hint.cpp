#include "src/cluster/values/selection_hint.hpp"

#include <fmt/format.h>
#include <ranges>

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

/// "203.0.113.*" of 203.0.113.0/24, and so on for whole parts of an address; else empty.
std::string pattern_meant_by(std::string_view term) {
  const auto slash = term.find('/');
  if (slash == std::string_view::npos || !is_ipv4(term.substr(0, slash))) return {};
  const auto bits = parse_number(term.substr(slash + 1));
  if (!bits || *bits == 0 || *bits >= 32 || *bits % 8 != 0) return {};
  std::string pattern;
  for (const auto part : split(term.substr(0, slash), '.') | std::views::take(*bits / 8))
    pattern.append(part).append(".");
  return pattern + "*";
}

/// "-p 22 -w node1" of node1:22; else empty.
std::string port_meant_by(std::string_view term) {
  const auto colon = term.find(':');
  if (colon == std::string_view::npos || term.find(':', colon + 1) != std::string_view::npos) return {};
  const auto host = term.substr(0, colon);
  const auto port = term.substr(colon + 1);
  // A number of digits only in front of it is a node, and the term a range.
  if (!parse_number(port) || host.find_first_not_of("0123456789") == std::string_view::npos) return {};
  return fmt::format("-p {} -w {}", port, printable(host));
}

/// Whether the term is a range, in brackets or not, and a step as clush has it.
bool has_step(std::string_view term) {
  const auto slash = term.find('/');
  if (slash == std::string_view::npos) return false;
  auto range = term.substr(0, slash);
  range.remove_prefix(range.rfind('[') + 1);  // npos + 1 is the beginning
  auto step = term.substr(slash + 1);
  step = step.substr(0, step.find(']'));
  return !range.empty() && range.find_first_not_of("0123456789-,") == std::string_view::npos &&
         parse_number(step);
}

}  // namespace

std::string meant_by(std::string_view term) {
  if (const auto sign = describe_lookalike(term); !sign.empty()) return sign + "; type it as in 1,3-5";
  if (term.starts_with('^'))
    return fmt::format("for the nodes in a file: -w \"$(paste -sd, {})\"", printable(term.substr(1)));
  if (const auto at = term.find('@'); at != std::string_view::npos && at > 0)
    return fmt::format("for another user: -l {} -w {}", printable(term.substr(0, at)),
                       printable(term.substr(at + 1)));
  if (const auto port = port_meant_by(term); !port.empty()) return "for another port: " + port;
  if (const auto range = range_meant_by(term); !range.empty()) return "write " + range;
  if (has_step(term)) return "a range has no step: write each number, as in 1,3,5";
  if (const auto pattern = pattern_meant_by(term); !pattern.empty())
    return fmt::format("a network is a pattern here: '{}'", pattern);
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
