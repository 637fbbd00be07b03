#pragma once
/// A process that stays behind when the command has ended, and keeps its connections.

#include <chrono>

#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/runtime.hpp"
#include "ec2mpi/ssh/kept/reusing_connector.hpp"

namespace ec2mpi::cli {

/// Must be called first: remembers the descriptors that the process inherited.
void note_inherited_descriptors();

/// Forks. The child keeps the sessions and never returns; the parent returns, and can no longer use the
/// sessions. If that is impossible, the reason is printed and no session is kept.
void stay_behind(Runtime& runtime, Access& access, const ssh::SessionsToKeep& to_keep,
                 std::chrono::seconds idle);

}  // namespace ec2mpi::cli
