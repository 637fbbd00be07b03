#pragma once
/// The push of a job: local files that go to the nodes before the job starts.

#include <memory>
#include <vector>

#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cluster/values/job_spec.hpp"
#include "ec2mpi/ops/push/push.hpp"

namespace ec2mpi::cli {

struct JobPush {
  NodeTask task;  ///< empty if the job has no push
  std::shared_ptr<ops::PushCount> count;
};

/// An ec2mpi.toml that came with a folder must not send away files from elsewhere, such as keys; so files
/// outside of this folder are refused, except with `allow_outside`. Reports the files that are left out.
/// Errors: usage, those of push_groups.
[[nodiscard]] Result<JobPush> plan_job_push(const JobSpec& job, const Cluster& cluster,
                                            const ConnectOptions& connect, bool allow_outside);

}  // namespace ec2mpi::cli
