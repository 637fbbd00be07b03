#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ec2mpi/cluster/values/address.hpp"
#include "ec2mpi/cluster/values/node.hpp"

namespace ec2mpi {

/// What a column of a table or a key of an object tells about an instance.
enum class Field {
  unknown,  ///< not known here; its content is not read
  unused,   ///< a known column of the console that the cluster does not need
  name,
  instance_id,
  type,
  state,
  zone,
  launched,
  public_v4,
  elastic_ip,
  private_v4,
  ipv6,
  public_dns,
  private_dns,
  any_address,  ///< "ip", "address": the kind is told by the content
  host,         ///< "host", "hostname": an address, or the name beside one
};

/// Labels of every generation and language of the console and keys of the API, Terraform and Ansible
/// (column_names.cpp); case and punctuation do not count ("Public IPv4 address", "publicIpAddress",
/// "public_ip").
[[nodiscard]] Field field_of_label(std::string_view label);

/// The same for a label that is squashed() already.
[[nodiscard]] Field field_of_key(std::string_view squashed_label);

/// The same for the head of a table's column; every name that ends in "state" or "status" is a state.
[[nodiscard]] Field field_of_column(std::string_view label);

/// One of the fields that hold an address or a name that stands for one.
[[nodiscard]] bool is_address_field(Field field);

/// Fields that count only where the others of an instance give no address; they are stored last.
[[nodiscard]] bool is_second_choice(Field field);

[[nodiscard]] bool has_address(const Node& node);

/// Stores one cell in `node`; blank cells are left out. Of several addresses in one cell ("a, b") the first
/// counts. Returns what is wrong, without place: a word in the place of an address or a state that is none,
/// or one that contradicts what `node` already holds.
[[nodiscard]] std::optional<std::string> put_field(Node& node, Field field, std::string_view cell);

/// Stores host, user and nothing else: an address by its kind, a name as public address.
void put_host(Node& node, const HostSpec& spec);

}  // namespace ec2mpi
