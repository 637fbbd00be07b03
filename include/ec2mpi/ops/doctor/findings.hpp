#pragma once
/// What doctor knows about each node, and what its checks find.

#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/cluster/values/node.hpp"
#include "ec2mpi/ops/doctor/health_report.hpp"
#include "ec2mpi/ops/doctor/mesh.hpp"

namespace ec2mpi::ops {

/// Why a node could not try TCP: it needs python3 to listen.
inline constexpr const char* kNoPython = "no python3";

/// All that doctor knows about one node.
struct NodeRecord {
  Node node;
  std::optional<Error> trouble;      ///< why it did not answer in full
  std::optional<NodeAnswer> answer;  ///< nothing if it did not answer in full
  double asked_at = 0;               ///< our clock, seconds since 1970, when the question left
  double answered_at = 0;            ///< and when the line with its clock arrived
  Attempts tcp;                      ///< empty if it could not be tried
  std::string no_tcp;                ///< why not
  Logins links;                      ///< names and logins, from this node to others
  bool leftovers_ended = false;      ///< --fix ended the leftovers of the answer
};

/// One fault, with the nodes that have it.
struct Finding {
  std::vector<int> nodes;  ///< by index; ascending
  std::string what;        ///< one clause
  std::string command;     ///< the command that failed, or that shows the fault; may be empty
  std::string fix;         ///< the line to type, or what to do; empty if nothing is known to help
};

/// One check.
struct Check {
  enum class Verdict {
    ok,
    warning,  ///< jobs run, but something is odd; doctor's exit code is not touched
    failed,
    skipped,  ///< the check was not possible; `summary` has the reason
  };
  std::string name;  ///< "ssh", "mpi", ...: stable, for --json
  Verdict verdict = Verdict::ok;
  std::string summary;  ///< the result if there are no findings
  std::vector<Finding> findings;
};

}  // namespace ec2mpi::ops
