#pragma once
/// The table in which commands on instances keep a list.

#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/cluster/values/inventory.hpp"

namespace ec2mpi {

/// The titles of its first columns, each with a tab behind it. `public_addresses`: false for lists of private
/// addresses only.
[[nodiscard]] inline std::string own_columns(bool public_addresses) {
  std::string text = "Name\tInstance ID\tInstance state\tInstance type\tAvailability Zone\t";
  if (public_addresses) text += "Public IPv4 address\t";
  return text + "Private IP address\t";
}

/// Whether a command of ec2mpi has written it.
[[nodiscard]] inline bool is_own_table(std::string_view text, bool public_addresses) {
  return text.starts_with(own_columns(public_addresses));
}
[[nodiscard]] inline bool is_own_table(std::string_view text) {
  return is_own_table(text, true) || is_own_table(text, false);
}

/// The command that makes instances run again, and writes them into the own table that has only these.
[[nodiscard]] std::string command_to_restart(const std::vector<Skipped>& skipped);

}  // namespace ec2mpi
