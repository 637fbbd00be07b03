#pragma once
/// Asking nodes what they are: private address, cores, which MPI.

#include <asio/awaitable.hpp>
#include <string>

#include "ec2mpi/base/limit.hpp"
#include "ec2mpi/cluster/values/facts.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::ops {

/// POSIX sh that prints what parse_facts reads, and changes nothing. It redirects its standard input and
/// error. `mpirun`: the one to ask about; empty = the one in the PATH.
[[nodiscard]] std::string facts_script(const std::string& mpirun = {});

/// Asks one node, in one round trip. Errors: those of the session, remote_io.
[[nodiscard]] asio::awaitable<Result<Facts>> ask_facts(ssh::Session& session, Limit limit,
                                                       std::string mpirun = {});

/// A program that answers likewise, and then is a shell in the user's environment, given that it was started
/// in it, which reads what to do from its standard input. So
/// whoever has more to do there needs no further round trip.
[[nodiscard]] std::string facts_and_shell_command(const std::string& mpirun = {});

/// The answer of that command, which goes on.
[[nodiscard]] asio::awaitable<Result<Facts>> read_facts(ssh::Channel& shell, Limit limit);

}  // namespace ec2mpi::ops
