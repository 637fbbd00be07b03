#include "ec2mpi/cluster/values/selection.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"

namespace ec2mpi {

namespace {

constexpr int kGroupDepth = 8;  // groups may name groups; deeper than this is a circle

using Chosen = std::vector<bool>;  // by position in the list

class Selector {
 public:
  Selector(const Inventory& inventory, const SelectionContext& context)
      : nodes_(inventory.nodes), context_(context) {}

  Result<Chosen> selection(std::string_view text, int depth = 0) const {
    const auto terms = split(text, ',');
    const bool only_negative =
        std::all_of(terms.begin(), terms.end(), [](auto term) { return trim(term).starts_with('!'); });
    Chosen chosen(nodes_.size(), only_negative);
    for (const auto raw : terms) {
      auto term = trim(raw);
      const bool negative = term.starts_with('!');
      if (negative) term.remove_prefix(1);
      const auto matched = set(term, depth);
      if (!matched) return matched;
      for (std::size_t i = 0; i < chosen.size(); ++i) {
        if ((*matched)[i]) chosen[i] = !negative;
      }
    }
    return chosen;
  }

 private:
  Result<Chosen> set(std::string_view term, int depth) const {
    if (term.empty()) return bad("an empty selection term; write for example -w 1,3-5");
    if (term == "all") return where([](const Node&) { return true; });
    if (term == "master") return where([](const Node& node) { return node.index == 1; });
    if (term == "workers") return workers();
    if (term == "failed") return failed();
    if (term.starts_with('@')) return group(term.substr(1), depth);
    if (term.starts_with("name=")) return globbed(term, term.substr(5), &Node::name);
    if (term.starts_with("type=")) return globbed(term, term.substr(5), &Node::type);
    if (term.starts_with('-')) return last_nodes(term);
    if (term.starts_with("node") && parse_number(term.substr(4))) return range(term.substr(4));
    if (const auto chosen = literal(term)) return *chosen;
    if (term.find_first_not_of("0123456789-") == std::string_view::npos) return range(term);
    if (term.starts_with("i-")) return by_id(term);
    return nothing(term);
  }

  template <class Matches>
  Chosen where(Matches matches) const {
    Chosen chosen;
    for (const auto& node : nodes_) chosen.push_back(matches(node));
    return chosen;
  }

  template <class Matches>
  Result<Chosen> some(std::string_view term, Matches matches) const {
    auto chosen = where(matches);
    if (std::find(chosen.begin(), chosen.end(), true) == chosen.end()) return nothing(term);
    return chosen;
  }

  Result<Chosen> workers() const {
    if (nodes_.size() == 1) return bad("'workers' is empty: the list has only the master");
    return where([](const Node& node) { return node.index != 1; });
  }

  Result<Chosen> range(std::string_view term) const {
    const auto dash = term.find('-');
    const auto first = parse_number(term.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number(term.substr(dash + 1));
    if (!first || !last) return nothing(term);
    if (*first == 0) return bad("nodes are counted from 1; 1 is the master");
    if (*last < *first) return bad(fmt::format("'{}' runs backwards; write {}-{}", term, *last, *first));
    const auto highest = static_cast<std::uint64_t>(nodes_.back().index);
    if (*last > highest) {
      const auto shown =
          highest == nodes_.size() ? count_of(nodes_.size(), "node") : fmt::format("node{} last", highest);
      return bad(fmt::format("there is no node {}: the list has {}", *last, shown));
    }
    return some(term, [&](const Node& node) {
      const auto index = static_cast<std::uint64_t>(node.index);
      return index >= *first && index <= *last;
    });
  }

  Result<Chosen> last_nodes(std::string_view term) const {
    const auto count = parse_number(term.substr(1));
    if (!count || *count == 0) return nothing(term);
    if (*count > nodes_.size())
      return bad(fmt::format("the list has only {}, not {}", count_of(nodes_.size(), "node"), *count));
    const int first = nodes_[nodes_.size() - static_cast<std::size_t>(*count)].index;
    return where([first](const Node& node) { return node.index >= first; });
  }

  Result<Chosen> failed() const {
    if (!context_.failed) return bad("'failed' needs an earlier command in this folder, and there was none");
    if (context_.failed->empty()) return bad("'failed' is empty: the last command failed on no node");
    const auto& keys = *context_.failed;
    return some("failed", [&keys](const Node& node) {
      return std::find(keys.begin(), keys.end(), node_key(node)) != keys.end();
    });
  }

  Result<Chosen> group(std::string_view name, int depth) const {
    const auto found = context_.groups.find(std::string(name));
    if (found == context_.groups.end()) {
      return bad(fmt::format("there is no group '{}' under [groups] in ec2mpi.toml", printable(name)));
    }
    if (depth >= kGroupDepth) return bad(fmt::format("the group '{}' names itself", printable(name)));
    return selection(found->second, depth + 1);
  }

  Result<Chosen> globbed(std::string_view term, std::string_view pattern, std::string Node::*column) const {
    const std::string glob(pattern);
    return some(term,
                [&](const Node& node) { return ::fnmatch(glob.c_str(), (node.*column).c_str(), 0) == 0; });
  }

  Result<Chosen> by_id(std::string_view term) const {
    auto chosen = some(term, [term](const Node& node) { return node.instance_id.starts_with(term); });
    if (chosen && std::count(chosen->begin(), chosen->end(), true) > 1) {
      return bad(fmt::format("'{}' begins several instance ids; write more of it", printable(term)));
    }
    return chosen;
  }

  std::optional<Chosen> literal(std::string_view term) const {
    auto chosen = where([term](const Node& node) {
      return term == node.public_address || term == node.private_address || term == node.ipv6 ||
             term == node.address || term == node.name;
    });
    if (std::find(chosen.begin(), chosen.end(), true) == chosen.end()) return std::nullopt;
    return chosen;
  }

  static std::unexpected<Error> bad(std::string message) {
    return fail(ErrorKind::usage, std::move(message));
  }
  static std::unexpected<Error> nothing(std::string_view term) {
    return bad(fmt::format("'{}' selects no node; `ec2mpi nodes` shows what there is", printable(term)));
  }

  const std::vector<Node>& nodes_;
  const SelectionContext& context_;
};

}  // namespace

std::string node_key(const Node& node) {
  return node.instance_id.empty() ? node.address : node.instance_id;
}

Result<std::vector<Node>> select_nodes(const Inventory& inventory, const std::vector<std::string>& wanted,
                                       const std::vector<std::string>& excluded,
                                       const SelectionContext& context) {
  const Selector selector(inventory, context);
  Chosen chosen(inventory.nodes.size(), wanted.empty());
  const auto apply = [&](const std::vector<std::string>& texts, bool value) -> Result<void> {
    for (const auto& text : texts) {
      TRY_AS(matched, selector.selection(text));
      for (std::size_t i = 0; i < chosen.size(); ++i) {
        if ((*matched)[i]) chosen[i] = value;
      }
    }
    return {};
  };
  TRY(apply(wanted, true));
  TRY(apply(excluded, false));

  std::vector<Node> nodes;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i]) nodes.push_back(inventory.nodes[i]);
  }
  if (nodes.empty())
    return fail(ErrorKind::usage, "the selection is empty: everything selected is excluded again");
  return nodes;
}

std::string fold_indices(const std::vector<int>& indices) {
  std::string folded;
  for (std::size_t i = 0; i < indices.size();) {
    std::size_t end = i;
    while (end + 1 < indices.size() && indices[end + 1] == indices[end] + 1) ++end;
    if (!folded.empty()) folded += ',';
    folded += end == i ? fmt::format("{}", indices[i]) : fmt::format("{}-{}", indices[i], indices[end]);
    i = end + 1;
  }
  return folded;
}

}  // namespace ec2mpi
