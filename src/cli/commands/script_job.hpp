#pragma once
/// The job of a script that starts mpirun. Plain values.

#include <string>
#include <utility>
#include <vector>

namespace ec2mpi::cli {

struct ScriptJob {
  std::vector<std::string> command;  ///< behind mpirun's options
  std::string np;
  std::string per_node;
  std::string workdir;
  std::vector<std::pair<std::string, std::string>> env;
  std::vector<std::pair<std::string, std::vector<std::string>>> sweep;  ///< the loops around mpirun
  std::vector<std::string> flags;     ///< of `ec2mpi run`, for which ec2mpi.toml has no setting
  std::vector<std::string> left_out;  ///< options that ec2mpi sets itself, or cannot know
  bool operator==(const ScriptJob&) const = default;
};

}  // namespace ec2mpi::cli
