#pragma once

namespace ec2mpi::ops {

/// What a node does during a push: a POSIX sh script for `sh -c SCRIPT ec2mpi-push TARGET INTO`, fed with the
/// archive that PushStream makes. TARGET is absolute or begins with "./" (the login folder); INTO is 1 if it
/// must be a folder, else 0. Exit status 0: all is in place. Else the reason stands on standard error behind
/// "ec2mpi: ".
extern const char* const kPushScript;

}  // namespace ec2mpi::ops
