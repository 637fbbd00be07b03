#pragma once

#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/read/listing.hpp"
#include "src/cluster/read/host_of.hpp"

namespace ec2mpi {

/// What the format of a list says of its lines.
struct HostListFormat {
  BareWords bare = BareWords::allowed;
  int header_line = 0;   ///< the line that names the column; below it a line may stand for "none"
  bool hostfile = true;  ///< a host may be repeated: its slots add up
};

/// Reads lists without instance ids: `[user@]host[:port] [slots=N]` a line or between commas, hosts(5) files,
/// Open MPI hostfiles, MPICH machinefiles, PBS nodefiles, and rows of addresses as `aws --output text` writes
/// them. Comments begin with `#` at the start of a line or after white space.
///
/// Several addresses on a line are several machines; they must be of one kind (public, private, IPv6).
///
/// A bare name such as "node1" is a host only if no other entry is a numeric address (then it may be a
/// heading) and it has its line for itself (else the line may be a row of a table), or if all hosts stand on
/// one line.
///
/// `host:N` are slots if a comment names MPICH, whose machinefiles say it so. It is a port if a line has
/// `user@`, brackets or `slots=`, or if N is 22 or above 192 (no common instance has more cores); otherwise
/// it could be both, and is an error.
[[nodiscard]] Result<Listing> read_host_list(std::string_view text, std::string_view source,
                                             HostListFormat format = {});

/// One line of such a list, already cut into words.
struct HostRow {
  int line = 0;
  std::vector<std::string_view> words;
};

/// The same for rows that came from another format, in which a bare word is no host.
[[nodiscard]] Result<Listing> read_host_rows(const std::vector<HostRow>& rows, std::string_view source);

}  // namespace ec2mpi
