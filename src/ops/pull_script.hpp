#pragma once

namespace ec2mpi::ops {

/// What a node does during a pull: a POSIX sh script for `sh -c SCRIPT ec2mpi-pull TOKEN SOURCE...`. Its
/// output is a line with TOKEN (what comes before it is .bashrc's), then one archive with "./NAME/..." for
/// each source. The reason for a failure stands on standard error behind "ec2mpi: "; else there is what tar
/// says, and its status.
extern const char* const kPullScript;

}  // namespace ec2mpi::ops
