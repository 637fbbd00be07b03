#pragma once

#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/read/listing.hpp"

namespace ec2mpi {

/// Finds from the content which format a decoded list has, and reads it with the reader of that format.
/// Formats that are known but not read (YAML, XML, HTML, HCL, INI, ssh_config, nested tables) are refused
/// with the command that gives a readable one.
[[nodiscard]] Result<Listing> read_listing(std::string_view text, std::string_view source);

}  // namespace ec2mpi
