#pragma once
/// The readers of each format. formats.cpp chooses the one that reads a list.

#include <optional>
#include <string>
#include <string_view>

#include "ec2mpi/cluster/read/listing.hpp"
#include "src/cluster/read/host_of.hpp"
#include "src/cluster/read/messages.hpp"
#include "src/cluster/read/table.hpp"

namespace ec2mpi {

/// Reads JSON: replies of describe-instances and other objects of instances, `ansible-inventory --list`,
/// Terraform's outputs and state, and arrays as `--query` writes them.
[[nodiscard]] Read<Listing> read_json_list(std::string_view text);

/// The rows of a page on which labels and cells stand one after the other, as the console's page is copied:
/// the labels as the first row, then one row for each instance. The text above the labels is left out; they
/// may stand there twice, and a Name may be missing. Nothing if there are no such labels; an error if the
/// cells do not fit them.
[[nodiscard]] std::optional<Read<Table>> rows_below_labels(const Table& table);

/// Cuts a table that holds instance ids into one row an instance. One line for each instance if each line has
/// an id in its id column; otherwise instances that run over several lines, or follow each other on one, all
/// in the same way: the cell before an id is that instance's Name. Errors: lines that belong to no instance,
/// instances of unequal shape, two columns that could both be the id.
[[nodiscard]] Read<Table> cut_at_ids(Table table);

/// The first row of labels, if neither an id nor an address stands before it.
[[nodiscard]] std::optional<std::size_t> find_header(const Table& table);

/// True if most rows below the header have no more cells than it, and their ids under its id.
[[nodiscard]] bool fits_header(const Table& table, std::size_t header);

/// Reads the rows below a header, each of them one machine. Rows that do not fit the header are errors.
[[nodiscard]] Read<Listing> read_by_header(const Table& table, std::size_t header);

/// Reads the rows of cut_at_ids() by their content. All cells of a column decide together what it is (so a
/// Name that looks like an address does no harm); where cells do not line up in columns, each is taken by
/// itself, and two different addresses of one kind are an error. Cells left of the id are the Name. They are
/// addresses only if no column to the right can be one.
[[nodiscard]] Read<Listing> read_instances(const Table& table);

/// Reads rows without instance ids: below a header, or in columns that their content shows. Each row is a
/// node.
[[nodiscard]] Read<Listing> read_rows_without_ids(const Table& table);

/// True for `aws ec2 describe-instances --output text` with its lines of details (STATE, TAGS, ...), and for
/// the output of the old ec2-describe-instances (INSTANCE, TAG).
[[nodiscard]] bool is_tagged_text(std::string_view text);

/// Reads such text. A line with an instance id begins an instance; its cells stand in alphabetical order of
/// their names and are left out when absent, so each is recognised by its content. Lines of details begin
/// with a word in capitals.
[[nodiscard]] Read<Listing> read_tagged_text(std::string_view text);

/// The rules of a list's format for its lines.
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
[[nodiscard]] Read<Listing> read_host_list(std::string_view text, HostListFormat format = {});

/// The same for rows that came from another format, in which a bare word is no host.
[[nodiscard]] Read<Listing> read_host_rows(const Table& table);

}  // namespace ec2mpi
