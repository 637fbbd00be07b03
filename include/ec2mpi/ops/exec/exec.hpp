#pragma once
/// exec and exec-all: a command on many nodes, ended with proof.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/fleet/fleet.hpp"

namespace ec2mpi::ops {

/// Gives the sudo password; asked at most once for all nodes. Nothing means that nobody can answer.
using PasswordSource = std::function<std::optional<std::string>()>;

struct ExecPlan {
  std::string command;  ///< shell text for the login shell of each node's user
  std::shared_ptr<const std::string> script =
      {};  ///< a program's text to run instead; `command` is its arguments, quoted
  std::shared_ptr<const UniqueFd> input = {};  ///< a plain file, sent to every node's standard input
  bool sudo = false;
  PasswordSource password = {};
  int count = 0;            ///< nodes of the whole list, for EC2MPI_COUNT
  std::string master = {};  ///< the master's address, for EC2MPI_MASTER
};

/// The text that sshd is given for a node: `begin`, shell text that says that the command begins, then the
/// command under the login shell, with the variables EC2MPI_INDEX, EC2MPI_COUNT, EC2MPI_ROLE, EC2MPI_MASTER,
/// and the mark by which all its processes are found again. Start-up files are read once.
[[nodiscard]] std::string command_line(const ExecPlan& plan, const Node& node, const std::string& mark,
                                       const std::string& begin = {});

/// Runs the plan; hands the output to the observer line by line. When a limit or Ctrl-C ends it, the command
/// is ended on the node too, and the Error says what was found there afterwards.
[[nodiscard]] NodeTask exec_task(ExecPlan plan);

}  // namespace ec2mpi::ops
