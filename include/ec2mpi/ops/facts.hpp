#pragma once
/// Asking nodes what they are: private address, cores, which MPI.

#include <asio/awaitable.hpp>
#include <string>

#include "ec2mpi/base/limit.hpp"
#include "ec2mpi/cluster/facts.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::ops {

/// POSIX sh that prints what parse_facts reads, and changes nothing. It redirects its standard input and
/// error. `mpirun`: the one to ask about; empty = the one in the PATH.
[[nodiscard]] std::string facts_script(const std::string& mpirun = {});

/// The same as a command for a node's login shell.
[[nodiscard]] std::string facts_command(const std::string& mpirun = {});

/// Asks one node, in one round trip. Errors: those of the session, remote_io.
[[nodiscard]] asio::awaitable<Result<Facts>> ask_facts(ssh::Session& session, Limit limit,
                                                       std::string mpirun = {});

/// The same over the standard input of a shell that has been started with `exec sh -s`, which is left waiting
/// for more.
[[nodiscard]] asio::awaitable<Result<Facts>> ask_facts_in(ssh::Channel& shell, Limit limit,
                                                          std::string mpirun = {});

}  // namespace ec2mpi::ops
