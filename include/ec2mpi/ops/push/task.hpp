#pragma once

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/push/push.hpp"

namespace ec2mpi::ops {

/// Sends to each node the files that it lacks. There, either every file that was sent comes to its place
/// whole, by renaming, or the node ends with an Error and what it had is untouched (but for what an error in
/// the midst of the renaming has left half done, file by file). Files that arrived before the connection was
/// lost are kept beside the target, and the next push of the same sources continues from there. Errors:
/// remote_io with the node's reason; local_io if files changed while they were being sent.
[[nodiscard]] NodeTask push_task(PushPlan plan);

}  // namespace ec2mpi::ops
