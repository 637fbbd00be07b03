#pragma once
/// pull: files and folders from many nodes. A file that is here already with the same size, mtime (and, if
/// asked for, checksum) stays as it is.

#include <memory>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/pull/job.hpp"

namespace ec2mpi::ops {

/// Every file gets its name when it is whole. A node can write only below its plan's folder, and only files
/// that were asked for. Links that lead elsewhere and devices are left out and reported to the observer, on
/// Stream::err. A big file whose copy was interrupted continues where it stopped. Errors: remote_io with the
/// node's reason, protocol for an answer that no honest node gives, local_io.
[[nodiscard]] NodeTask pull_task(std::shared_ptr<PullJob> job);

}  // namespace ec2mpi::ops
