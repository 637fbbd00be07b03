#pragma once

#include <string>

namespace ec2mpi::ops {

/// What a node does during a push: push.sh, whose head says how it is called and what it answers, for
/// `sh -c SCRIPT ec2mpi-push TARGET INTO KEY ASKED PATH...`.
[[nodiscard]] const std::string& push_script();

/// Shell text for the script, before `start`: a program that passes the archive on better than tee does,
/// where the node has perl. It takes longer to start, so it is for long archives.
[[nodiscard]] std::string passer_text();

}  // namespace ec2mpi::ops
