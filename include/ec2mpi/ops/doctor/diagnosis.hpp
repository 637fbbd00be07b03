#pragma once
/// From what all nodes said to what is wrong with the cluster. Pure.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/cluster/values/node.hpp"
#include "ec2mpi/ops/doctor/mesh.hpp"
#include "ec2mpi/ops/doctor/probe.hpp"

namespace ec2mpi::ops {

/// All that is known of one node.
struct NodeRecord {
  Node node;
  std::optional<Error> trouble;       ///< why it could not be asked to the end
  std::optional<ProbeAnswer> answer;  ///< nothing if it was not asked or not understood
  double asked_at = 0;                ///< our clock, seconds since 1970, when the question left
  double answered_at = 0;             ///< and when its clock's line came
  Attempts tcp;                       ///< empty if it could not be tried
  std::string no_tcp;                 ///< why not
  Logins links;                       ///< names and logins, from this node to others
  bool leftovers_ended = false;       ///< --fix ended what the answer calls leftovers
};

/// What is wrong, for the nodes named.
struct Finding {
  std::vector<int> nodes;  ///< by index; ascending
  std::string what;        ///< one clause
  std::string command;     ///< that failed, or that shows it; may be empty
  std::string mend;        ///< the line to type, or what to do; may be empty
};

/// One check. In the output's order: each needs what stands above it.
struct Check {
  enum class Verdict {
    ok,
    warning,  ///< jobs run, but something is odd; doctor's exit code is not touched
    failed,
    skipped,  ///< could not be looked at; `summary` says why
  };
  std::string name;  ///< "ssh", "mpi", ...: stable, for --json
  Verdict verdict = Verdict::ok;
  std::string summary;  ///< what was found where all is well
  std::vector<Finding> findings;
};

/// All checks, in order. `records` in the list's order; they need not be complete.
/// `files` are those of `doctor FILE...`, as typed.
[[nodiscard]] std::vector<Check> diagnose(const std::vector<NodeRecord>& records,
                                          const std::vector<std::string>& files);

/// Nothing failed; warnings don't count.
[[nodiscard]] bool all_well(const std::vector<Check>& checks);

}  // namespace ec2mpi::ops
