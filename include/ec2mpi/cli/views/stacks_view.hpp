#pragma once
/// How the stacks of a job's ranks look.

#include <map>
#include <string>
#include <vector>

#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/ops/stacks/stacks.hpp"

namespace ec2mpi::cli {

class JobStacks {
 public:
  /// `found`: by the index of the node.
  JobStacks(std::string id, std::map<int, ops::NodeStacks> found);

  /// The lines with their ends: the groups, one sentence, and what would show more.
  [[nodiscard]] std::string screen() const;
  [[nodiscard]] Json json() const;

 private:
  std::string id_;
  std::vector<ops::RankStack> ranks_;
  bool barred_ = false;
};

}  // namespace ec2mpi::cli
