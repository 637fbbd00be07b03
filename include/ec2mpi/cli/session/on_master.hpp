#pragma once
/// Commands that need the master only: one connection, one thing to do.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/cli/session/flags.hpp"

namespace ec2mpi::cli {

struct MasterOptions {
  ListOptions list;
  ConnectOptions connect;
};

void add_master_options(CLI::App& command, MasterOptions& options);

/// The word that names the job of a command.
struct JobArgument {
  std::string_view otherwise = "the newest";  ///< the job without a word
  bool may_be_series = false;
  bool whole = false;  ///< less than NAME-DATE of an id is refused
};
Option add_job_argument(CLI::App& command, std::string& word, const JobArgument& argument = {});
/// For a command that does the same with several jobs.
Option add_job_argument(CLI::App& command, std::vector<std::string>& words, const JobArgument& argument = {});

/// Reads list and keys, and runs the work on a loop. It returns the exit code.
[[nodiscard]] Result<int> work_on_master(const MasterOptions& options, const CommonOptions& common,
                                         Work work);

/// Connects to the master and asks. A master that cannot be reached is reported, as exit code 255.
[[nodiscard]] asio::awaitable<int> ask_master(
    CommandContext& context, std::function<asio::awaitable<int>(CommandContext&, ssh::Session&)> ask);

}  // namespace ec2mpi::cli
