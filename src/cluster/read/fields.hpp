#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/cluster/read/listing.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "ec2mpi/cluster/values/node.hpp"
#include "src/cluster/read/messages.hpp"
#include "src/cluster/read/word_tables.hpp"

namespace ec2mpi {

/// What is wrong with a cell or a member, without its line; nothing if all is well.
using Problem = std::optional<std::string>;

/// The field that one cell, which is not blank, fits by its content; of "a, b" the first part counts. Four
/// numbers that are no address are any_address; "2/2 checks passed" and the like are unused.
[[nodiscard]] Field field_of_content(std::string_view cell);

/// "Stopped (by hand)" -> "Stopped".
[[nodiscard]] std::string_view leading_word(std::string_view cell);

/// The fields of a row of labels, or nothing if the row is not one. Such a row names the id or an address and
/// has no ids or addresses itself.
[[nodiscard]] std::vector<Field> header_fields(std::span<const std::string_view> row);

/// False for a cell of a column of users, ports or slots that is none, and for every cell of a column that
/// says how to log in and has no place in a list: a key, a password, a jump host.
[[nodiscard]] bool fits_login(Field field, std::string_view cell);

/// What stands in all columns or members of one name that say how to log in, or how many slots a node has.
struct LoginColumn {
  Field field = Field::unknown;
  bool used = false;
  int misfit_line = 0;  ///< the first cell that is no such thing; 0: there is none
  std::string misfit;
};
using LoginColumns = std::map<std::string, LoginColumn, std::less<>>;  ///< by name

/// Remembers a cell or a member that is filled, if its field is one of those.
void see_login(LoginColumns& columns, std::string_view name, Field field, std::string_view cell, int line);

/// Notes which of them are not used. Refused: one that is used for some nodes and is no such thing for
/// others.
[[nodiscard]] Read<void> note_unused(Listing& listing, const LoginColumns& columns);

[[nodiscard]] bool has_address(const Node& node);

/// Stores one cell in `node`; blank cells are left out. Of several addresses in one cell ("a, b") the first
/// counts. Returns the problem, without its line: a word instead of an address or a state that is none, or
/// one that contradicts what `node` already holds.
[[nodiscard]] Problem put_field(Node& node, Field field, std::string_view cell);

/// Stores each cell in its field; a field that is a second choice comes last.
[[nodiscard]] Problem put_cells(Node& node, std::span<const Field> fields,
                                std::span<const std::string_view> cells);

/// Stores each cell in the field that its content fits.
[[nodiscard]] Problem put_by_content(Node& node, std::span<const std::string_view> cells);

/// A machine that may run must not have its only public address under a name that is not known. `field` and
/// `text` are those of the column or member `name`; `node` is complete.
[[nodiscard]] Problem find_unnamed_address(const Node& node, std::string_view name, Field field,
                                           std::string_view text);

/// Stores host, user and nothing else: an address by its kind, a name as public address.
void put_host(Node& node, const HostSpec& spec);

}  // namespace ec2mpi
