#pragma once
/// Everything that carries the tag of a cluster, in every region of the account.

#include "ec2mpi/cli/session/options.hpp"
#include "ec2mpi/cloud/settings.hpp"

namespace ec2mpi::cli {

/// Prints clusters, or one JSON document. Returns the exit code: 1 if a region does not answer.
[[nodiscard]] Result<int> show_all_regions(const cloud::CloudFlags& account, bool json,
                                           const CommonOptions& common);

}  // namespace ec2mpi::cli
