#pragma once
/// Asks nodes for their facts: private address, cores, which MPI.

#include <asio/awaitable.hpp>
#include <string>
#include <string_view>

#include "ec2mpi/base/limit.hpp"
#include "ec2mpi/cluster/values/facts.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::ops {

/// The program src/ops/node/facts.sh, for parse_facts(). It changes nothing, and redirects its standard
/// input. Its standard error is for with_complaint(). `mpirun`: the launcher to describe; empty = the one in
/// the PATH.
[[nodiscard]] std::string facts_script(const std::string& mpirun = {});

/// In front of what a node printed instead of an answer.
inline constexpr std::string_view kItPrinted = "; it printed: ";

/// The error of an answer that was not understood, with the line that says most of what the node's tools
/// complained in. A complaint of a program of ours ("ec2mpi: ...") takes the error's place.
[[nodiscard]] Error with_complaint(Error error, std::string_view complaints);

/// Shell functions that find the settings of Open MPI on a node (src/ops/node/find_settings.sh).
[[nodiscard]] std::string_view find_settings_functions();

/// Asks one node, in one round trip. Errors: those of the session, remote_io.
[[nodiscard]] asio::awaitable<Result<NodeFacts>> ask_facts(ssh::Session& session, Limit limit,
                                                           std::string mpirun = {});

/// A program that gives the same answer and then becomes a shell that reads commands from its standard input:
/// additional work needs no additional round trip. The shell has the environment in which the program was
/// started.
[[nodiscard]] std::string facts_and_shell_command(const std::string& mpirun = {});

/// The answer of that program, and the text that the shell's first commands printed.
struct FactsAnswer {
  NodeFacts facts;
  std::string behind;
};

/// Reads it up to the line `end`, which the first commands print last. The shell continues to run.
[[nodiscard]] asio::awaitable<Result<FactsAnswer>> read_facts(ssh::Channel& shell, std::string_view end,
                                                              Limit limit);

}  // namespace ec2mpi::ops
