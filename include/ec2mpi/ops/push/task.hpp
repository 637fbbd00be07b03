#pragma once

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/push/push.hpp"

namespace ec2mpi::ops {

/// Sends to each node the files that it lacks. There, either every file that was sent gets its final name
/// when it is complete, or the node ends with an Error and its own files are untouched. Only an error in the
/// middle of the renaming leaves some files new and others old; each file is whole. Files that arrived before
/// the connection was lost are kept beside the target, and the next push of the same sources continues from
/// there. Errors: remote_io with the node's reason; local_io if files changed while they were being sent.
[[nodiscard]] NodeTask push_task(PushPlan plan);

}  // namespace ec2mpi::ops
