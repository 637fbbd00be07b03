#pragma once

#include <string>

namespace ec2mpi::ops {

// What a node does during a pull: POSIX sh scripts. What comes before the line with TOKEN on their output is
// .bashrc's. The reason for a failure stands on standard error behind "ec2mpi: "; else there is what find and
// tar say, and a status that is not 0.

/// `sh -c SCRIPT ec2mpi-pull TOKEN PATIENT (SOURCE GLOB)...`, GLOB being RemoteGlob::shell or empty, PATIENT
/// empty unless sources that are not there (yet) are to be left out. Prints the listing (see PullListing),
/// then reads the paths that are wanted, each ended by NUL, to the end of its input, and sends them as one
/// archive.
[[nodiscard]] const std::string& pull_list_script();

/// `sh -c SCRIPT ec2mpi-pull TOKEN PATIENT (SOURCE GLOB)...` prints a listing for each line of its input, as
/// soon as it differs from the last one. While nothing changes it ticks.
[[nodiscard]] const std::string& pull_watch_script();

/// `sh -c SCRIPT ec2mpi-pull TOKEN` reads paths, each ended by NUL, and prints what each file holds, to its
/// end and whatever its size is said to be: pairs of hexadecimal digits between blanks and ends of lines,
/// then "."; or "!" if it can't be read.
[[nodiscard]] const std::string& pull_untold_script();

/// `sh -c SCRIPT ec2mpi-pull TOKEN PATH...` answers lines on its input. "NUMBER FROM COUNT" (NUMBER of the
/// path and FROM both counted from 1): exactly COUNT bytes, zeros where the file has no more. "NUMBER
/// record": the path's record, as in a listing.
[[nodiscard]] const std::string& pull_ranges_script();

}  // namespace ec2mpi::ops
