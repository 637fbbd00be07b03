#pragma once

#include <string>

namespace ec2mpi::ops {

/// What a node does during a push: push.sh, whose head says how it is called and what it answers, for
/// `sh -c SCRIPT ec2mpi-push TARGET INTO KEY ASKED PATH...`.
[[nodiscard]] const std::string& push_script();

}  // namespace ec2mpi::ops
