#pragma once
/// The log of the last command, .ec2mpi/last.log: what happened when, on which node. It holds no value that
/// was typed, no key and no output of a command.

#include <string>

#include "ec2mpi/cli/session/cluster_setup.hpp"

namespace ec2mpi::cli {

constexpr const char* kLogFile = "last.log";

/// Begins it. If that is impossible the command works without one, and -v shows why.
void begin_log(const Cluster& cluster, const CommonOptions& common);

/// Writes how it ended.
void end_log(int exit_code);

/// Closes it in a process that stays behind: the next command's log has another file.
void leave_log();

/// Logs the phases of each connection and how long it took.
[[nodiscard]] std::unique_ptr<ssh::Connector> make_logged_connector(
    std::unique_ptr<ssh::Connector> connector);

}  // namespace ec2mpi::cli
