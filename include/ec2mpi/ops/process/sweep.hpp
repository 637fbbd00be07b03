#pragma once
/// Ending what a job left on the nodes. A job's processes are told by the mark EC2MPI_JOB=ID in their
/// environment and by descent from a marked process, never by a program's name: others on the node go on.

#include <asio/awaitable.hpp>
#include <map>
#include <string>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"

namespace ec2mpi::ops {

/// A process that a sweep met.
struct Process {
  int pid = 0;
  std::string name;
  bool operator==(const Process&) const = default;
};

/// What a sweep found on one node.
struct Swept {
  std::vector<Process> ended;
  std::vector<Process> left;  ///< still there when it gave up; normally empty
  bool operator==(const Swept&) const = default;
};

/// Reads what the sweep script printed. Errors: remote_io.
[[nodiscard]] Result<Swept> parse_swept(std::string_view printed);

/// Shell text that sets $id and $mark and has the functions that find the job's processes.
[[nodiscard]] std::string sweep_functions(const std::string& id);
/// Shell text, after sweep_functions(): what end_launchers does. To be put into a subshell.
[[nodiscard]] std::string end_launchers_text();
/// A whole script for `sh -s` or a file: what sweep does.
[[nodiscard]] std::string sweep_script(const std::string& id);

/// The programs that these run. `id` is a job's id: letters, digits, `.`, `_`, `-`.
[[nodiscard]] std::string sweep_command(const std::string& id);
[[nodiscard]] std::string end_launchers_command(const std::string& id);

/// On the master: TERM to the job's launchers (and its script), up to eight seconds of patience, then KILL to
/// all of the job that is there. Returns when they are gone.
[[nodiscard]] asio::awaitable<Result<void>> end_launchers(ssh::Session& session, std::string id, Limit limit);

/// On one node: KILL to every process of the job, again until none is left or it has tried enough. One round
/// trip; half a second where something is found, so that what is about to end by itself can; a second more
/// for each further round.
[[nodiscard]] asio::awaitable<Result<Swept>> sweep(ssh::Session& session, std::string id, Limit limit);

/// Sweeps nodes; on `master` (an index) ends the launchers first. Leaves what was found by the node's index.
[[nodiscard]] NodeTask sweep_task(std::string id, int master, std::map<int, Swept>& found);

}  // namespace ec2mpi::ops
