#pragma once
/// Nodes in groups of equal answers, for the checks. Pure.

#include <map>
#include <string>
#include <vector>

#include "ec2mpi/fleet/failure_lines.hpp"
#include "ec2mpi/ops/doctor/findings.hpp"

namespace ec2mpi::ops {

using Records = std::vector<NodeRecord>;

/// Nodes by the text that is true of them.
using Groups = std::map<std::string, std::vector<int>>;

/// The text of the largest group; of equal groups, the one with the lowest index, which is the master's.
[[nodiscard]] std::string majority(const Groups& groups);

/// "2" or "1-3,5": the value for -w.
[[nodiscard]] std::string chosen(const std::vector<int>& nodes);

/// The groups in the order of their first nodes. Texts that differ only in what names the node are one group.
[[nodiscard]] std::vector<FailureLine> folded(const Groups& groups, const Records& records);

/// Adds a finding for each folded group; `{}` in `command` and `fix` stands for the nodes.
void add_groups(Check& check, const Records& records, const Groups& groups, const std::string& command,
                const std::string& fix);

/// The command that runs `command` as root on the nodes; `{}` stands for them.
[[nodiscard]] std::string as_root(const std::string& command);

/// Calls `visit(record, facts, health)` for each node that has answered.
template <class Visit>
void for_each_answer(const Records& records, Visit visit) {
  for (const auto& record : records) {
    if (record.answer) visit(record, record.answer->facts, record.answer->health);
  }
}

}  // namespace ec2mpi::ops
