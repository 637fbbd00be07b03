#pragma once
/// A command of the user's own, run with a limit while this thread waits.

#include <chrono>
#include <optional>
#include <string>

namespace ec2mpi::ssh {

/// Runs the command by the user's shell, without input, and drops its output. Returns whether it succeeded;
/// nothing if it did not end within the limit, and then it is killed.
[[nodiscard]] std::optional<bool> run_bounded(const std::string& command, std::chrono::milliseconds limit);

}  // namespace ec2mpi::ssh
