#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "src/ops/doctor/checks.hpp"
#include "src/ops/doctor/login_trouble.hpp"
#include "src/ops/doctor/pairs.hpp"

namespace ec2mpi::ops {

namespace {

using Fix = LoginTrouble::Fix;

constexpr std::size_t kLongestReason = 240;  ///< ssh's offer of ciphers stands behind its reason

/// Pairs whose login failed for the same cause. They share one fix.
struct PairsByFix {
  std::set<Pair> pairs;
  LoginTrouble trouble;
};

struct LoginResults {
  std::map<std::string, PairsByFix> failed;  ///< by cause
  std::size_t tried = 0;
  std::size_t nodes = 0;
  std::map<std::string, std::vector<int>> incomplete;  ///< nodes whose logins were cut off, by the reason
};

/// Whether only logins to silent nodes are still missing. With more than 64 nodes not all are tried, and the
/// answer is no.
bool waits_for_silent(const NodeRecord& record, const Records& records, const std::set<int>& silent) {
  const auto is_not_missing = [&](const NodeRecord& other) {
    const int index = other.node.index;
    return !other.answer || index == record.node.index || silent.contains(index) ||
           record.links.logins.contains(index);
  };
  return !silent.empty() && !silent.contains(record.node.index) &&
         std::ranges::all_of(records, is_not_missing);
}

void replace_all(std::string& text, const std::string& word, std::string_view by) {
  if (word.empty()) return;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size()))
    text.replace(at, word.size(), by);
}

LoginResults collect(const Records& records) {
  LoginResults results;
  const auto silent = silent_nodes(records);
  for_each_answer(records, [&](const auto& record, const auto&, const auto&) {
    ++results.nodes;
    if (!record.links.complete && !waits_for_silent(record, records, silent))
      results.incomplete[record.links.cut_off].push_back(record.node.index);
    for (const auto& [target, attempt] : record.links.logins) {
      if (silent.contains(target)) continue;
      ++results.tried;
      if (attempt.ok) continue;
      auto trouble = explain_login(attempt.said);
      // In ssh's own words the target has its address: without it, equal causes are one.
      if (trouble.fix == Fix::unknown) {
        replace_all(trouble.cause, address_of(records, target), "its address");
        // Of a long text the end, which has ssh's reason. An address that the cut divides would stay.
        if (trouble.cause.size() > kLongestReason)
          trouble.cause.erase(0, trouble.cause.size() - kLongestReason);
      }
      auto& group = results.failed[trouble.cause];
      group.pairs.emplace(record.node.index, target);
      group.trouble = std::move(trouble);
    }
  });
  return results;
}

/// The nodes from which the logins failed, as -w takes them.
std::string sources(const std::set<Pair>& pairs) {
  std::set<int> nodes;
  for (const auto& [from, to] : pairs) nodes.insert(from);
  return chosen({nodes.begin(), nodes.end()});
}

/// A file in a home belongs to its user, another one to root.
std::string owner_command(const std::string& path, const Records& records, int from) {
  // The file lies on the node from which ssh tried.
  std::string owner = "root";
  for_each_answer(records, [&](const auto& record, const auto& facts, const auto& health) {
    if (record.node.index == from && path.starts_with(facts.home + "/")) owner = health.user;
  });
  return quote_word(fmt::format("chown {} {} && chmod go-w {}", owner, path, path));
}

/// One command for all pairs of the group; empty if nothing is known to help.
std::string fix_of(const PairsByFix& group, const Records& records, std::size_t tried) {
  switch (group.trouble.fix) {
    case Fix::unknown:
      return {};
    case Fix::setup:
      return "ec2mpi setup";
    case Fix::owner:
      return fmt::format("ec2mpi exec -w {} --sudo {}", sources(group.pairs),
                         owner_command(group.trouble.path, records, group.pairs.begin()->first));
    case Fix::client:
      return fmt::format(
          "ec2mpi exec -w {} --sudo 'apt-get install -y openssh-client || dnf install -y openssh-clients'",
          sources(group.pairs));
    case Fix::connection:
      return connection_fix(group.trouble.cause, group.pairs, tried, network_of(records));
  }
  return {};
}

}  // namespace

Check check_logins(const Records& records) {
  Check check{.name = "logins", .summary = {}, .findings = {}};
  const auto results = collect(records);
  for (const auto& [cause, group] : results.failed) {
    // One pair stands for the group: its command shows the fault.
    const auto [from, to] = *group.pairs.begin();
    check.findings.push_back(
        {concerned(group.pairs), fmt::format("{}: {}", pairs_text(group.pairs, results.tried), cause),
         fmt::format("ec2mpi exec -w {} 'ssh -o BatchMode=yes {} true'", from, address_of(records, to)),
         fix_of(group, records, results.tried)});
  }
  for (const auto& [why, nodes] : results.incomplete) {
    const auto ended = why.empty() ? " did not end in time" : " were cut off: " + why;
    check.findings.push_back({nodes, "the logins from there" + ended, {}, {}});
  }
  if (!check.findings.empty()) check.verdict = Verdict::failed;
  check.summary = fmt::format("{} between nodes by ssh", count_of(results.tried, "login"));
  if (results.tried == 0 && check.findings.empty()) {
    check.verdict = Verdict::skipped;
    check.summary = results.nodes > 1 ? "no time was left for it" : "there is no second node to log in to";
  }
  return check;
}

}  // namespace ec2mpi::ops
