#include "ec2mpi/cluster/values/selection.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "src/cluster/values/selection_columns.hpp"
#include "src/cluster/values/selection_hint.hpp"
#include "src/cluster/values/selection_text.hpp"

namespace ec2mpi {

namespace {

constexpr int kGroupDepth = 8;  // of groups that name groups
/// How often one selection may look at a node of a list with that many: a number costs two looks, and a glob
/// one for each node, so there is room for 200 globs. Ranges in a name multiply, and so do groups in groups:
/// a few words could keep us busy for ever.
constexpr std::size_t most_looks(std::size_t nodes) {
  return 100'000 + 200 * nodes;
}

using Positions = std::vector<std::size_t>;  // in the list

/// Finds nodes by what a term may call them, in a time that does not grow with the list.
class NodeIndex {
 public:
  /// The index points into the nodes, which must outlive it.
  NodeIndex(const std::vector<Node>& nodes, const SelectionContext& context) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const auto& node = nodes[i];
      for (const auto* word :
           {&node.public_address, &node.private_address, &node.ipv6, &node.address, &node.name})
        add(words_, *word, i);
      ids_.emplace(lower_case(node.instance_id), i);
      const auto names = context.other_names.find(node_key(node));
      if (names == context.other_names.end()) continue;
      for (const auto& name : names->second) add(other_words_, name, i);
    }
  }

  /// The nodes with this address or name.
  [[nodiscard]] Positions with_word(std::string_view word) const {
    // The list comes first: what setup has found may be old.
    for (const auto* words : {&words_, &other_words_})
      if (const auto found = words->find(word); found != words->end()) return found->second;
    return {};
  }

  /// The nodes whose id begins so; at most two, since two are one too many.
  [[nodiscard]] Positions with_id(std::string_view small_begin) const {
    Positions found;
    for (auto id = ids_.lower_bound(std::string(small_begin));
         id != ids_.end() && id->first.starts_with(small_begin) && found.size() < 2; ++id)
      found.push_back(id->second);
    return found;
  }

 private:
  using Words = std::unordered_map<std::string_view, Positions>;

  static void add(Words& words, std::string_view word, std::size_t position) {
    if (word.empty()) return;
    auto& positions = words[word];
    // A node may have one text as its name and as an address.
    if (positions.empty() || positions.back() != position) positions.push_back(position);
  }

  Words words_;
  Words other_words_;
  std::multimap<std::string, std::size_t> ids_;  ///< in lower case
};

/// Positions, and the order in which they were named.
class Choice {
 public:
  void add(const Positions& named) {
    // A node that is named twice keeps its first place.
    for (const auto position : named) order_.try_emplace(position, ++count_);
  }
  void remove(const Positions& named) {
    for (const auto position : named) order_.erase(position);
  }
  [[nodiscard]] Positions as_named() const {
    std::vector<std::pair<std::size_t, std::size_t>> places;
    for (const auto& [position, place] : order_) places.emplace_back(place, position);
    std::sort(places.begin(), places.end());
    Positions positions;
    for (const auto& [place, position] : places) positions.push_back(position);
    return positions;
  }

 private:
  std::unordered_map<std::size_t, std::size_t> order_;
  std::size_t count_ = 0;
};

/// A selection costs its terms and the nodes that they match, not their product: 10,000 numbers for 10,000
/// nodes took 45 s when each term looked at each node. Only globs look at all nodes.
class Selector {
 public:
  Selector(const Inventory& inventory, const SelectionContext& context)
      : nodes_(inventory.nodes), context_(context), index_(nodes_, context) {}

  /// A node that one of the terms excludes is not chosen, wherever that term stands: it may be excluded
  /// because nothing must touch it. `excluded` gets those nodes.
  Result<Positions> selection(std::string_view text, int depth, Positions& excluded) const {
    const auto terms = terms_of(without_failure(trim(text)));
    const bool only_negative =
        std::all_of(terms.begin(), terms.end(), [](auto term) { return trim(term).starts_with('!'); });
    Choice choice;
    if (only_negative) choice.add(all());
    for (const auto raw : terms) {
      auto term = without_count(trim(raw));
      const bool negative = term.starts_with('!');
      if (negative) term.remove_prefix(1);
      TRY_AS(matched, set(term, depth));
      if (negative)
        excluded.insert(excluded.end(), matched->begin(), matched->end());
      else
        choice.add(*matched);
    }
    choice.remove(excluded);
    return choice.as_named();
  }

  [[nodiscard]] Positions all() const { return positions(0, nodes_.size()); }

 private:
  Result<Positions> set(std::string_view term, int depth) const {
    if (looks_ > most_looks(nodes_.size()))
      return bad(
          fmt::format("at '{}' the selection has looked at nodes {} times; write fewer ranges, patterns and "
                      "groups in one another",
                      printable(term), looks_));
    TRY_AS(found, nodes_called(term, depth));
    looks_ += 1 + found->size();
    return found;
  }

  /// The order decides: the grammar's words, then a node's own name, then ranges and globs. Only a number
  /// that is a name and another node's index is an error.
  Result<Positions> nodes_called(std::string_view term, int depth) const {
    if (term.empty()) return bad("an empty selection term; write for example -w 1,3-5");
    const auto word = lower_case(term);
    if (word == "all") return all();
    if (word == "master") return with_indices(1, 1);
    if (word == "workers") return workers();
    if (word == "failed") return failed();
    if (term.starts_with('@')) return group(term.substr(1), depth);
    const auto equals = std::min(term.find('='), term.size());
    if (const auto* column = column_called(lower_case(term.substr(0, equals)));
        column && equals < term.size())
      return globbed(term, term.substr(equals + 1), *column);
    if (term.starts_with('-')) return last_nodes(term);
    if (word.starts_with("node") && parse_number(term.substr(4))) return range(term.substr(4));
    if (auto called = index_.with_word(term); !called.empty())
      return unless_an_index(term, std::move(called));
    if (const auto names = NumberedNames::parse(term)) return numbered(*names, depth);
    if (term.find_first_of("*?") != std::string_view::npos) return globbed_words(term);
    if (term.find_first_not_of("0123456789-") == std::string_view::npos) return range(term);
    if (word.starts_with("i-")) return by_id(term);
    // Words of other tools, and perhaps names of nodes.
    if (word == "head") return with_indices(1, 1);
    if (word == "worker") return workers();
    // The names in a list may have blanks, so a term with blanks is several only if it is not one.
    if (const auto parts = words(term); parts.size() > 1 && depth < kGroupDepth)
      return several(parts, depth + 1);
    return nothing(term);
  }

  /// Nodes that have the term as their name. A number may also be the index of another node, and `down -w 3`
  /// must not end the wrong one.
  Result<Positions> unless_an_index(std::string_view term, Positions called) const {
    const auto number = parse_number(term);
    const auto other = number ? with_indices(*number, *number) : Positions();
    if (other.empty() || other == called) return called;
    return bad(fmt::format("'{0}' is the index of one node and the name of {1}; write node{0} or name={0}",
                           term, nodes_[called.front()].label()));
  }

  /// All of them must select something: a single wrong word in the middle would be overlooked.
  Result<Positions> several(const std::vector<std::string_view>& terms, int depth) const {
    Positions found;
    for (const auto term : terms) {
      TRY_AS(matched, set(term, depth));
      found.insert(found.end(), matched->begin(), matched->end());
    }
    return found;
  }

  [[nodiscard]] Positions positions(std::size_t begin, std::size_t end) const {
    Positions some(end - begin);
    std::iota(some.begin(), some.end(), begin);
    return some;
  }

  /// The list is in the order of the indices, in which there may be gaps.
  [[nodiscard]] Positions with_indices(std::uint64_t first, std::uint64_t last) const {
    const auto index_of = [](const Node& node) { return static_cast<std::uint64_t>(node.index); };
    const auto begin = std::ranges::lower_bound(nodes_, first, {}, index_of);
    const auto end = std::ranges::upper_bound(begin, nodes_.end(), last, {}, index_of);
    return positions(static_cast<std::size_t>(begin - nodes_.begin()),
                     static_cast<std::size_t>(end - nodes_.begin()));
  }

  /// Nodes 2 and up. A list with only the master is an error: the command would do nothing.
  Result<Positions> workers() const {
    if (nodes_.size() == 1) return bad("'workers' is empty: the list has only the master");
    return with_indices(2, std::numeric_limits<std::uint64_t>::max());
  }

  /// "3" or "3-5". A range may have gaps, but must not begin or end outside of the list.
  Result<Positions> range(std::string_view term) const {
    const auto dash = term.find('-');
    const auto first = parse_number(term.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number(term.substr(dash + 1));
    if (!first || !last) return nothing(term);
    if (*first == 0) return bad("nodes are counted from 1; 1 is the master");
    if (*last < *first) return bad(fmt::format("'{}' runs backwards; write {}-{}", term, *last, *first));
    // The list is in the order of the indices.
    const auto highest = static_cast<std::uint64_t>(nodes_.back().index);
    if (*last > highest) {
      const auto shown =
          highest == nodes_.size() ? count_of(nodes_.size(), "node") : fmt::format("node{} last", highest);
      return bad(fmt::format("there is no node {}: the list has {}", *last, shown));
    }
    return unless_empty(term, with_indices(*first, *last));
  }

  /// Node sets as ec2mpi prints them, and names as pdsh and clush write them.
  Result<Positions> numbered(const NumberedNames& names, int depth) const {
    Positions found;
    for (const auto part : names.ranges) {
      const bool labels = names.before == "node" && names.behind.empty();
      TRY_AS(matched, labels ? range(part) : named_range(names, part, depth));
      found.insert(found.end(), matched->begin(), matched->end());
    }
    return found;
  }

  /// Leading zeros count: [08-10] means 08, 09, 10.
  Result<Positions> named_range(const NumberedNames& names, std::string_view part, int depth) const {
    const auto dash = part.find('-');
    const auto begin = part.substr(0, dash);
    const auto first = parse_number(begin);
    const auto last = dash == std::string_view::npos ? first : parse_number(part.substr(dash + 1));
    // More numbers than nodes cannot all match; a huge range is refused before it is walked.
    if (!first || !last || *last < *first || *last - *first >= nodes_.size())
      return nothing(fmt::format("{}[{}]{}", names.before, part, names.behind));
    Positions found;
    for (auto number = *first; number <= *last; ++number) {
      const auto name = fmt::format("{}{:0{}}{}", names.before, number, begin.size(), names.behind);
      TRY_AS(matched, set(name, depth));
      found.insert(found.end(), matched->begin(), matched->end());
    }
    return found;
  }

  /// "-2": the last two of the list.
  Result<Positions> last_nodes(std::string_view term) const {
    const auto count = parse_number(term.substr(1));
    if (!count || *count == 0) return nothing(term);
    if (*count > nodes_.size())
      return bad(fmt::format("the list has only {}, not {}", count_of(nodes_.size(), "node"), *count));
    return positions(nodes_.size() - static_cast<std::size_t>(*count), nodes_.size());
  }

  /// The nodes that the last command on nodes failed on, as the state folder has them.
  Result<Positions> failed() const {
    if (!context_.failed) return bad("'failed' needs an earlier command in this folder, and there was none");
    if (context_.failed->empty()) return bad("'failed' is empty: the last command failed on no node");
    const std::unordered_set<std::string_view> keys(context_.failed->begin(), context_.failed->end());
    Positions found;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      // By id where there is one: the address may be another one by now.
      if (keys.contains(node_key(nodes_[i]))) found.push_back(i);
    }
    return unless_empty("failed", std::move(found));
  }

  /// A group is a selection by itself and may name other groups.
  Result<Positions> group(std::string_view name, int depth) const {
    const auto found = context_.groups.find(std::string(name));
    if (found == context_.groups.end()) {
      constexpr std::string_view kWords[] = {"all", "master", "workers", "failed"};
      if (std::ranges::count(kWords, lower_case(name)) > 0)
        return bad(fmt::format("'{0}' is no group and needs no @: -w {0}", lower_case(name)));
      return bad(fmt::format("there is no group '{}' under [groups] in ec2mpi.toml", printable(name)));
    }
    const auto shown = printable(name);
    if (std::ranges::count(open_groups_, name) > 0)
      return bad(fmt::format("the group '{}' names itself", shown));
    if (depth >= kGroupDepth)
      return bad(fmt::format("the group '{}' is the {}th in a chain of groups", shown, depth + 1));
    open_groups_.push_back(name);
    Positions excluded;  // from the group alone
    auto positions = selection(found->second, depth + 1, excluded);
    open_groups_.pop_back();
    if (!positions)
      return std::unexpected(
          positions.error().within(fmt::format("the group {} = \"{}\"", shown, printable(found->second))));
    return positions;
  }

  Result<Positions> globbed(std::string_view term, std::string_view pattern,
                            const SelectionColumn& column) const {
    const std::string glob(pattern);
    Positions found;
    looks_ += nodes_.size();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      // Without other flags, * matches dots and slashes, too.
      if (::fnmatch(glob.c_str(), column.text(nodes_[i]).c_str(), column.case_counts ? 0 : FNM_CASEFOLD) == 0)
        found.push_back(i);
    }
    return unless_empty(term, std::move(found));
  }

  /// By label, name, id or any address.
  Result<Positions> globbed_words(std::string_view term) const {
    const std::string glob(term);
    Positions found;
    looks_ += nodes_.size();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const auto& node = nodes_[i];
      const auto fits = [&](const std::string& word) {
        return ::fnmatch(glob.c_str(), word.c_str(), 0) == 0;
      };
      if (fits(node.label()) || fits(node.name) || fits(node.public_address) || fits(node.private_address) ||
          fits(node.ipv6) || fits(node.address) ||
          ::fnmatch(glob.c_str(), node.instance_id.c_str(), FNM_CASEFOLD) == 0)
        found.push_back(i);
    }
    return unless_empty(term, std::move(found));
  }

  /// The beginning of an id is enough, as with commits of git.
  Result<Positions> by_id(std::string_view term) const {
    auto found = index_.with_id(lower_case(term));
    if (found.size() > 1)
      return bad(fmt::format("'{}' begins several instance ids; write more of it", printable(term)));
    return unless_empty(term, std::move(found));
  }

  static Result<Positions> unless_empty(std::string_view term, Positions found) {
    if (found.empty()) return nothing(term);
    return found;
  }

  static std::unexpected<Error> bad(std::string message) {
    return fail(ErrorKind::usage, std::move(message));
  }
  static std::unexpected<Error> nothing(std::string_view term) {
    return bad(fmt::format("'{}' selects no node; {}", printable(term), meant_by(term)));
  }

  const std::vector<Node>& nodes_;
  const SelectionContext& context_;
  NodeIndex index_;
  mutable std::size_t looks_ = 0;                      // of all terms
  mutable std::vector<std::string_view> open_groups_;  // that are being looked up
};

}  // namespace

std::string node_key(const Node& node) {
  return node.instance_id.empty() ? node.address : node.instance_id;
}

Result<std::vector<Node>> select_nodes(const Inventory& inventory, const std::vector<std::string>& wanted,
                                       const std::vector<std::string>& excluded,
                                       const SelectionContext& context) {
  const Selector selector(inventory, context);
  Choice choice;
  if (wanted.empty()) choice.add(selector.all());
  Positions never;
  for (const auto& text : wanted) {
    TRY_AS(matched, selector.selection(text, 0, never));
    choice.add(*matched);
  }
  // At the end, wherever on the command line -x and the terms with ! stand.
  choice.remove(never);
  for (const auto& text : excluded) {
    Positions kept;
    TRY_AS(matched, selector.selection(text, 0, kept));
    choice.remove(*matched);
  }
  auto positions = choice.as_named();
  // In the order of the list, unless the caller wants that of the words.
  if (!context.as_named) std::sort(positions.begin(), positions.end());
  std::vector<Node> nodes;
  for (const auto position : positions) nodes.push_back(inventory.nodes[position]);
  if (nodes.empty())
    return fail(ErrorKind::usage, "the selection is empty: everything selected is excluded again");
  return nodes;
}

std::string fold_indices(const std::vector<int>& unsorted) {
  auto indices = unsorted;
  std::sort(indices.begin(), indices.end());
  indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
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
