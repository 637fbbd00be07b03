#include "ec2mpi/ops/node/placeholders.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <utility>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

std::string_view role_name(const Node& node) {
  return node.index == 1 ? "master" : "worker";
}

std::string fill_placeholders(std::string_view text, const Node& node) {
  const std::pair<std::string_view, std::string> kPlaceholders[] = {{"{index}", std::to_string(node.index)},
                                                                    {"{node}", node.label()},
                                                                    {"{address}", node.address},
                                                                    {"{role}", std::string(role_name(node))}};
  // In one pass: a value that looks like a placeholder is not filled in again.
  std::string filled;
  while (!text.empty()) {
    const auto* hit = std::find_if(std::begin(kPlaceholders), std::end(kPlaceholders),
                                   [text](const auto& known) { return text.starts_with(known.first); });
    if (hit != std::end(kPlaceholders)) {
      filled += hit->second;
      text.remove_prefix(hit->first.size());
    } else {
      filled += text.front();
      text.remove_prefix(1);
    }
  }
  return filled;
}

std::string filled_in_note(std::string_view typed, std::string_view filled) {
  if (typed == filled) return {};
  return fmt::format("; '{}' was typed, and {{...}} in it stands for a node's own", printable(typed));
}

std::string name_in_target(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const auto slash = path.rfind('/');
  const auto name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  // These two name no entry that a copy could have.
  return name == "." || name == ".." ? std::string() : std::string(name);
}

}  // namespace ec2mpi::ops
