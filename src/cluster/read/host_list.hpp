#pragma once

#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/read/listing.hpp"
#include "src/cluster/read/host_of.hpp"
#include "src/cluster/read/table.hpp"

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
/// A bare word such as "node1" may be a heading, or a cell of a table. It is a host if it has a user, a port
/// or slots, if it is a name of EC2 ("ip-10-0-0-1"), or if all entries are bare words, each on its own line
/// or all on one line.
///
/// `host:N` are slots if a comment names MPICH, whose machinefiles say it so. It is a port if a line has
/// `user@`, brackets or `slots=`, or if N is 22 or above 192 (no common instance has more cores); otherwise
/// it could be both, and is an error.
[[nodiscard]] Result<Listing> read_host_list(std::string_view text, std::string_view source,
                                             HostListFormat format = {});

/// The same for rows that came from another format, in which a bare word is no host.
[[nodiscard]] Result<Listing> read_host_rows(const Table& table, std::string_view source);

}  // namespace ec2mpi
