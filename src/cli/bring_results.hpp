#pragma once
/// Brings what jobs' `pull` asks for into results/, after they have succeeded.

#include <vector>

#include "ec2mpi/cli/cluster_setup.hpp"
#include "ec2mpi/cli/runtime.hpp"
#include "ec2mpi/ops/job_record.hpp"

namespace ec2mpi::cli {

/// Of each job that has succeeded and asks for results; others are left alone. False if something is missing;
/// it has been told. What has been brought before stays as it is.
[[nodiscard]] asio::awaitable<bool> bring_results(Runtime& runtime, const Cluster& cluster,
                                                  ssh::Connector& connector, FleetOptions flow,
                                                  std::vector<ops::JobRecord> jobs);

}  // namespace ec2mpi::cli
