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

/// Returns the sudo password; the user is asked at most once for all nodes. Nothing: there is nobody to ask.
using PasswordSource = std::function<std::optional<std::string>()>;

struct ExecPlan {
  std::string command;  ///< shell text for the login shell of each node's user
  std::shared_ptr<const std::string> script =
      {};  ///< the text of a program to run instead; `command` holds its arguments, quoted
  std::shared_ptr<const UniqueFd> input = {};  ///< a plain file, sent to every node's standard input
  bool sudo = false;
  PasswordSource password = {};
  int count = 0;            ///< nodes of the whole list, for EC2MPI_COUNT
  std::string master = {};  ///< the master's address, for EC2MPI_MASTER
};

/// The command line for sshd: `begin`, shell text that prints the begin mark, then the command under the
/// login shell, with the variables EC2MPI_INDEX, EC2MPI_COUNT, EC2MPI_ROLE, EC2MPI_MASTER, and the mark by
/// which all its processes are found later. Start-up files are read once.
[[nodiscard]] std::string command_line(const ExecPlan& plan, const Node& node, const std::string& mark,
                                       const std::string& begin = {});

/// Runs the plan; gives the output to the observer line by line. When a limit or Ctrl-C ends it, the command
/// is also ended on the node, and the Error reports what a look at the node found afterwards.
[[nodiscard]] NodeTask exec_task(ExecPlan plan);

}  // namespace ec2mpi::ops
