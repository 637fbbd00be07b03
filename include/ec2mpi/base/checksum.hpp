#pragma once
/// To see without sending it whether a text is the same here and on a node.

#include <string>
#include <string_view>

namespace ec2mpi {

/// What cksum(1) of POSIX prints for these bytes on standard input: "CRC SIZE". Finds accidents, not attacks.
[[nodiscard]] std::string posix_cksum(std::string_view bytes);

}  // namespace ec2mpi
