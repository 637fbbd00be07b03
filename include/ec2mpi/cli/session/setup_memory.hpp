#pragma once
/// Setup's files on this machine, in the state folder beside the list: .ec2mpi/setup/LIST/key and .../nodes.

#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/ops/setup/setup.hpp"

namespace ec2mpi::cli {

/// Nothing remembered is no error. Errors: local_io, and usage if others could have put it there.
[[nodiscard]] Result<ops::SetupMemory> recall_setup(const Cluster& cluster);

/// Writes the changed files, with mode 0600. Errors: local_io.
[[nodiscard]] Result<void> remember_setup(const Cluster& cluster, const ops::SetupMemory& memory);

/// Removes the key and all that is remembered.
void forget_setup(const Cluster& cluster);

}  // namespace ec2mpi::cli
