#pragma once
/// How the profile of a job looks: one screen, or JSON.

#include <string>
#include <vector>

#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/ops/profile/profile.hpp"

namespace ec2mpi::cli {

/// The lines with their ends: the ranks, the calls, and one sentence. `wanted`: the number of ranks of the
/// job.
[[nodiscard]] std::string profile_screen(const ops::JobProfile& profile, const std::string& id, int wanted);

[[nodiscard]] Json profile_json(const ops::JobProfile& profile, const std::string& id, int wanted);

}  // namespace ec2mpi::cli
