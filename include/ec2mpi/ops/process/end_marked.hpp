#pragma once
/// Ends what ec2mpi has started on a node, and looks whether it is gone.
///
/// Processes are found by a mark in their environment and by kinship with a marked process, never by the name
/// of a program (src/ops/process/find_marked.sh). So `setsid`, a background job or a double fork hides
/// nothing, and no other process is ended.

#include <asio/awaitable.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/limit.hpp"
#include "ec2mpi/ops/process/usage.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::ops {

/// A process that was found on a node.
struct Process {
  int pid = 0;
  std::string name;
  bool operator==(const Process&) const = default;
};

/// The answer of src/ops/process/end_marked.sh.
struct Swept {
  std::vector<Process> ended;           ///< all processes that were found
  std::vector<Process> left;            ///< those of them that are still there; normally none
  std::optional<NodeUsage> usage = {};  ///< of a job, where it was counted
  bool operator==(const Swept&) const = default;

  /// "nothing left running" or "still running: pid 123 python3".
  [[nodiscard]] std::string describe() const;
};

/// Errors: remote_io for an answer that is incomplete, or is none.
[[nodiscard]] Result<Swept> parse_swept(std::string_view printed);

/// Shell text: the functions of find_marked.sh, for the mark $mark ("NAME=value"), which is set in front.
[[nodiscard]] std::string find_marked_functions();

/// Shell text that sends TERM to every process of the mark, and KILL after `grace_seconds`. It also ends the
/// other processes of the ssh connection on which it runs.
[[nodiscard]] std::string stop_script(const std::string& mark, int grace_seconds);

/// A sudo that may be needed for processes of root.
struct SudoAccess {
  bool used = false;          ///< the processes were started by sudo
  std::string password = {};  ///< empty: sudo asks for none
};

/// Runs stop_script() in another channel of the session.
[[nodiscard]] asio::awaitable<Result<Swept>> stop_marked(ssh::Session& session, std::string mark,
                                                         SudoAccess sudo, Limit limit);

}  // namespace ec2mpi::ops
