#pragma once
/// Ends what a job has left on the nodes. A job's processes carry the mark EC2MPI_JOB=ID.

#include <asio/awaitable.hpp>
#include <map>
#include <string>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/process/end_marked.hpp"

namespace ec2mpi::ops {

/// Shell text with the functions of find_marked.sh for the mark of job $id. Here and below, $id stands in
/// front, so that the programs of all jobs are one text. It has letters, digits, `.`, `_` and `-` only.
[[nodiscard]] std::string sweep_functions();
/// Shell text for a subshell, behind sweep_functions(): what end_launchers() does.
[[nodiscard]] std::string end_launchers_text();
/// Shell text behind sweep_functions(): what sweep() does. Its arguments are processes that it spares.
[[nodiscard]] std::string sweep_program();
/// Both as a whole script for `sh -s` or a file. In braces, so that a shell that reads its input has read all
/// of it before the program redirects the input.
[[nodiscard]] std::string sweep_script();

/// On the master: TERM to the job's launchers (and its script), and after eight seconds KILL to every process
/// of the job that is there. Returns when they are gone.
[[nodiscard]] asio::awaitable<Result<void>> end_launchers(ssh::Session& session, std::string id, Limit limit);

/// On one node: KILL to every process of the job, repeated until none is left or it has tried enough. One
/// round trip. Half a second where something is found, so that a process that is about to end by itself can;
/// up to two seconds more where one does not.
[[nodiscard]] asio::awaitable<Result<Swept>> sweep(ssh::Session& session, std::string id, Limit limit);

/// Sweeps nodes; on `master` (an index) ends the launchers first. Leaves the processes that were found by the
/// node's index.
[[nodiscard]] NodeTask sweep_task(std::string id, int master, std::map<int, Swept>& found);

}  // namespace ec2mpi::ops
