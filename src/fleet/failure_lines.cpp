#include "ec2mpi/fleet/failure_lines.hpp"

#include <algorithm>
#include <cctype>
#include <map>

namespace ec2mpi {

namespace {

constexpr std::size_t kShownWhole = 3;  ///< nodes whose reasons hold a name, before the others are counted
/// Stands for an id, or for an address in a command that is to be pasted, which needs the real one.
constexpr const char* kName = "{name}";

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

/// Whether the word at [begin, end) is not a part of a longer one: 10.0.0.1 stands in 10.0.0.12.
bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
  // A word or a dot in front makes it a part of a longer name.
  if (begin > 0 && (is_word(text[begin - 1]) || text[begin - 1] == '.')) return false;
  if (end == text.size()) return true;
  if (is_word(text[end])) return false;
  // A dot behind the word may end the sentence.
  return text[end] != '.' || end + 1 == text.size() || !is_word(text[end + 1]);
}

/// Within a pattern of sed or grep.
bool is_in_pattern(std::string_view text, std::size_t begin) {
  return begin > 0 && (text[begin - 1] == '^' || text[begin - 1] == '[');
}

void replace_word(std::string& text, const std::string& word, std::string_view by) {
  if (word.empty()) return;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at)) {
    const bool alone = stands_alone(text, at, at + word.size());
    const std::string_view instead = !alone ? word : is_in_pattern(text, at) ? kName : by;
    text.replace(at, word.size(), instead);
    at += instead.size();
  }
}

std::string as_pattern(std::string_view address) {
  std::string pattern;
  for (const char c : address) pattern += c == '.' ? "\\." : std::string(1, c);
  return pattern;
}

/// The reason without what names this node.
std::string common_reason(const NodeReason& failure) {
  auto reason = failure.reason;
  // "10.0.0.5: refused" and "10.0.0.6: refused" are one reason.
  for (const auto& address : failure.addresses)
    for (const auto& word : {address, as_pattern(address)}) replace_word(reason, word, "its address");
  for (const auto& name : failure.names) replace_word(reason, name, kName);
  return reason;
}

using Alike = std::map<std::string, std::vector<NodeReason>>;

FailureLine line_of(const std::vector<NodeReason>& failures, std::string reason) {
  FailureLine line{{}, std::move(reason)};
  for (const auto& failure : failures) line.nodes.push_back(failure.node);
  return line;
}

void add_each(std::vector<FailureLine>& lines, const std::vector<NodeReason>& failures) {
  for (const auto& failure : failures) lines.push_back({{failure.node}, failure.reason});
}

/// The nodes of a reason that holds the name of each.
void add_with_names(std::vector<FailureLine>& lines, std::vector<NodeReason> failures) {
  if (failures.size() <= kShownWhole) return add_each(lines, failures);
  add_each(lines, {failures.front()});
  failures.erase(failures.begin());
  lines.push_back(line_of(failures, "the same, each with its own name"));
}

}  // namespace

std::vector<FailureLine> fold_reasons(std::vector<NodeReason> reasons) {
  Alike equal;
  for (auto& each : reasons) equal[each.reason].push_back(std::move(each));
  std::vector<FailureLine> lines;
  Alike similar;
  for (auto& [reason, failures] : equal) {
    // A reason that several nodes share word for word stays as it is.
    if (failures.size() > 1)
      lines.push_back(line_of(failures, reason));
    else
      similar[common_reason(failures.front())].push_back(std::move(failures.front()));
  }
  for (auto& [reason, failures] : similar) {
    std::ranges::sort(failures, {}, &NodeReason::node);
    if (failures.size() == 1)
      add_each(lines, failures);
    else if (reason.find(kName) != std::string::npos)
      add_with_names(lines, std::move(failures));
    else
      lines.push_back(line_of(failures, reason));
  }
  // A line stands where the first of its nodes stands in the list.
  std::ranges::stable_sort(lines, {}, [](const FailureLine& line) { return line.nodes.front(); });
  return lines;
}

std::vector<FailureLine> group_failures(const FleetReport& report) {
  std::vector<NodeReason> reasons;
  for (const auto& [node, outcome, elapsed, reached] : report.results) {
    if (!succeeded(outcome))
      reasons.push_back({node.index,
                         describe(outcome),
                         {node.address, node.public_address, node.private_address, node.ipv6},
                         {node.instance_id}});
  }
  return fold_reasons(std::move(reasons));
}

}  // namespace ec2mpi
