#pragma once

#include <string>

namespace ec2mpi::ops {

/// What a node does during a push: a POSIX sh script for `sh -c SCRIPT ec2mpi-push TARGET INTO KEY ASKED
/// PATH...`. TARGET is absolute or begins with "./" (the login folder); INTO is 1 if it must be a folder,
/// else 0; KEY names the sources; ASKED holds words: "sums" if checksums are wanted, "holes" if it matters
/// whether its tar can make holes, "delete" if files may have to be removed; the paths begin with "./" and
/// tell what of the folder is asked about.
///
/// It prints what parse_survey reads; later "has NUL BYTES SECONDS NUL" now and then, of the archive,
/// "unlinked NUL N REASON NUL" for a node that it could not feed, and "passed NUL" when all is on its way to
/// those that it feeds. Exit status 0: all is in place; 1: it failed, and the reason stands on standard error
/// behind "ec2mpi: "; 3, 4: the archive did not arrive whole, nothing was changed, and what came is kept for
/// another try.
[[nodiscard]] const std::string& push_script();

/// Shell text for the script, before `start`: a program that passes the archive on better than tee does,
/// where the node has perl. It takes longer to start, so it is for long archives.
[[nodiscard]] std::string passer_text();

}  // namespace ec2mpi::ops
