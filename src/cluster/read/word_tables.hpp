#pragma once

#include <string_view>

namespace ec2mpi {

/// What a column of a table or a key of an object says about an instance.
enum class Field {
  unknown,  ///< not known here; its content is not read
  unused,   ///< a known column that the cluster does not need
  remark,   ///< of the user's; not read, but "stopped" there is a state
  name,
  instance_id,
  type,
  state,
  not_running,  ///< "stopped", "offline": true or false
  zone,
  launched,
  user,          ///< the login user
  port,          ///< of sshd
  slots,         ///< processes that MPI may start on it
  login_detail,  ///< a key, a password, a jump host: has no place in a list
  public_v4,
  elastic_ip,
  private_v4,
  ipv6,
  public_dns,
  private_dns,
  any_address,  ///< "ip", "address": the content shows the kind
  host,         ///< "host", "hostname": an address, or the name beside one
};

/// The field that a label names (column_names.inc); case and punctuation do not count ("Public IPv4 address",
/// "publicIpAddress", "public_ip").
[[nodiscard]] Field field_of_label(std::string_view label);

/// The same for a label that is squashed() already.
[[nodiscard]] Field field_of_key(std::string_view squashed_label);

/// The same for the name of a table's column; every name that ends in "state" or "status" is a state, and
/// so is one that says a state itself ("Stopped": yes or no).
[[nodiscard]] Field field_of_column(std::string_view label);

/// One of the fields that hold an address or a name that stands for one.
[[nodiscard]] bool is_address_field(Field field);

/// A name that leaves it to the content whether these are states.
[[nodiscard]] bool may_hold_states(Field field);

/// Fields that count only where the others of an instance give no address; they are stored last.
[[nodiscard]] bool is_second_choice(Field field);

/// What a word or a part of it (".pem", "us-") is that is never a host (not_hosts.inc); empty if it is not
/// known.
[[nodiscard]] std::string_view meaning_of_word(std::string_view word);
constexpr std::string_view kOtherColumn = "a word of another column";
constexpr std::string_view kFileOrDomain = "the name of a file (or a domain without a host)";
constexpr std::string_view kResource = "the beginning of an id";

/// What a word in the name of one of Terraform's outputs says (output_words.inc), without a number behind it.
enum class NamePart { none, kind, head, worker, helper };
[[nodiscard]] NamePart part_of_name(std::string_view word);

/// What the words of a name say of its machines: a helper wins over the other roles, for its address is that
/// of no node; none for a name that tells no role.
[[nodiscard]] NamePart role_of_name(std::string_view name);

}  // namespace ec2mpi
