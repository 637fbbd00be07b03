#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ec2mpi/cluster/address.hpp"
#include "ec2mpi/cluster/node.hpp"

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
  any_address,  ///< "ip", "host": the kind is told by the content
};

/// Labels of every generation of the console and keys of the API, Terraform and Ansible; case and punctuation
/// do not count ("Public IPv4 address", "publicIpAddress", "public_ip").
[[nodiscard]] Field field_of_label(std::string_view label);

/// One of the fields that hold an address or a name that stands for one.
[[nodiscard]] bool is_address_field(Field field);

/// Stores one cell in `node`; blank cells and words that the field cannot hold (a state that is none) are
/// left out. Of several addresses in one cell ("a, b") the first counts. Returns what is wrong, without
/// place: a malformed address, or one that contradicts what `node` already holds.
[[nodiscard]] std::optional<std::string> put_field(Node& node, Field field, std::string_view cell);

/// Stores host, user and nothing else: an address by its kind, a name as public address.
void put_host(Node& node, const HostSpec& spec);

/// Why `word` cannot be a host, for a message: "'52.15.300.1' is not a valid IPv4 address".
[[nodiscard]] std::string why_no_host(std::string_view word);

/// Digits and exactly three dots, valid or not.
[[nodiscard]] bool looks_like_ipv4(std::string_view text);

}  // namespace ec2mpi
