#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "ec2mpi/fleet/gather.hpp"
#include "src/ops/doctor/checks.hpp"

namespace ec2mpi::ops {

namespace {

constexpr int kSlowName =
    3000;  ///< ms; from a file it takes a few, without an answering name server five seconds

constexpr std::size_t kNamedWrong = 3;  ///< of the names that lead elsewhere, for a node

constexpr const char* kRename =
    "n=ip-$(hostname -I | cut -d\" \" -f1 | tr . -); echo $n >/etc/hostname; hostname $n";
// Debian's convention: 127.0.1.1 stands for a machine's own name.
constexpr const char* kOwnLine = "echo \"127.0.1.1 $(hostname)\" >>/etc/hosts";

/// setup writes a host name into /etc/hosts only if EC2 gives it: ip-10-0-0-11 or the instance id.
bool is_written_by_setup(const NodeFacts& facts) {
  auto of_address = "ip-" + facts.private_address.text();
  std::replace(of_address.begin(), of_address.end(), '.', '-');
  const auto label = facts.hostname.substr(0, facts.hostname.find('.'));
  return label == of_address || is_instance_id(label);
}

class NameCheck {
 public:
  explicit NameCheck(const Records& records) : records_(records) {
    for_each_answer(records, [this](const auto& record, const auto& facts, const auto&) {
      facts_[record.node.index] = &facts;
      owners_[facts.hostname].push_back(record.node.index);
    });
  }

  /// Findings in the order of their weight: a node without its own name cannot start a daemon.
  Check run() {
    shared_names();
    for_each_answer(records_, [this](const auto& record, const auto& facts, const auto& health) {
      if (!health.names_error.empty()) {
        (health.names_error.starts_with("/etc/hosts") ? closed_ : blind_)[health.names_error].push_back(
            record.node.index);
        return;
      }
      own_name(record.node.index, facts, health);
      names_of_others(record);
    });
    add(Verdict::failed, closed_, "ec2mpi exec -w {} 'ls -l /etc/hosts'", as_root("chmod 644 /etc/hosts"));
    add(Verdict::warning, blind_, "ec2mpi exec -w {} 'command -v getent'", {});
    add(Verdict::failed, own_, "ec2mpi exec -w {} 'getent hosts $(hostname)'", "ec2mpi setup");
    add(Verdict::failed, own_odd_, "ec2mpi exec -w {} 'getent hosts $(hostname)'", as_root(kOwnLine));
    add(Verdict::warning, slow_, "ec2mpi exec -w {} 'time getent hosts $(hostname)'", "ec2mpi setup");
    add(Verdict::warning, slow_odd_, "ec2mpi exec -w {} 'time getent hosts $(hostname)'", as_root(kOwnLine));
    add(Verdict::warning, others_, "ec2mpi exec -w {} 'getent hosts NAME'", "ec2mpi setup");
    return std::move(check_);
  }

 private:
  void add(Verdict verdict, const Groups& groups, const std::string& command, const std::string& fix) {
    if (!groups.empty()) check_.verdict = std::max(check_.verdict, verdict);
    add_groups(check_, records_, groups, command, fix);
  }

  void shared_names() {
    Groups shared;
    for (const auto& [name, nodes] : owners_) {
      if (nodes.size() > 1 && !is_one_machine(nodes))
        shared[fmt::format("they have one host name, {}", printable(name))] = nodes;
    }
    add(Verdict::warning, shared, "ec2mpi exec -w {} hostname", as_root(kRename) + ", then ec2mpi setup");
  }

  /// A machine that is listed twice has one name for good reason.
  [[nodiscard]] bool is_one_machine(const std::vector<int>& nodes) const {
    const auto address = facts_.at(nodes.front())->private_address;
    return std::ranges::all_of(nodes, [&](int node) { return facts_.at(node)->private_address == address; });
  }

  void own_name(int index, const NodeFacts& facts, const HealthReport& health) {
    // For such a name setup is no help, so these have another fix.
    const bool odd = !is_written_by_setup(facts);
    if (!health.own_name_resolves)
      (odd ? own_odd_ : own_)[fmt::format("its own name {} is not known", printable(facts.hostname))]
          .push_back(index);
    else if (health.own_name_ms > kSlowName)
      (odd ? slow_odd_
           : slow_)[fmt::format("looking up its own name takes {:.0f} s", health.own_name_ms / 1000.0)]
          .push_back(index);
  }

  /// Only names that setup can fix: others do not matter, because mpirun gets addresses.
  void names_of_others(const NodeRecord& record) {
    std::size_t unknown = 0;
    std::vector<std::string> wrong(record.links.taken.begin(), record.links.taken.end());
    for (const auto& [target, attempt] : record.links.names) {
      // A node that did not answer has no name to compare.
      const auto found = facts_.find(target);
      // A name that several nodes have is reported by shared_names.
      if (attempt.ok || found == facts_.end() || !is_written_by_setup(*found->second) ||
          owners_[found->second->hostname].size() > 1)
        continue;
      // With text, the name leads to another address.
      if (attempt.said.empty())
        ++unknown;
      else
        wrong.push_back(attempt.said);
    }
    // After a restart with other addresses, each node may have wrong ones of all others.
    if (wrong.size() > kNamedWrong)
      wrong = {fmt::format("{}, and so are {}", wrong.front(), count_of(wrong.size() - 1, "other name"))};
    for (const auto& said : wrong) others_[said].push_back(record.node.index);
    if (unknown > 0)
      others_[fmt::format("does not know the names of {}", count_of(unknown, "other node"))].push_back(
          record.node.index);
  }

  const Records& records_;
  std::map<int, const NodeFacts*> facts_;           ///< of the nodes that have answered, by index
  std::map<std::string, std::vector<int>> owners_;  ///< of each host name, by index
  Groups closed_;                                   ///< nodes whose login user cannot read /etc/hosts
  Groups blind_;                                    ///< nodes that cannot look names up
  Groups own_;
  Groups own_odd_;  ///< names that setup does not write
  Groups slow_;
  Groups slow_odd_;
  Groups others_;
  Check check_{.name = "names", .summary = "the nodes' names are known on all nodes", .findings = {}};
};

}  // namespace

Check check_names(const Records& records) {
  return NameCheck(records).run();
}

}  // namespace ec2mpi::ops
