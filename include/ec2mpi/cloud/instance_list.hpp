#pragma once
/// Instances as an instance list, and host keys from a console's output.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ec2mpi/cloud/ec2.hpp"

namespace ec2mpi::cloud {

/// A table with a header line as the EC2 console has it, in this order; the reader of lists understands it.
/// `names` gives the Name column; where it is empty, the tag Name counts. `public_addresses`: false for lists
/// of private addresses only, so that they stay such lists.
[[nodiscard]] std::string list_text(const std::vector<Instance>& instances,
                                    const std::vector<std::string>& names, bool public_addresses);

/// Type and base64 of each host key that cloud-init has printed, from the first complete block; empty if
/// there is none.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> host_keys_in(std::string_view console_output);

/// The IPv4 address that the internet sees this machine under: asked from checkip.amazonaws.com, or from the
/// URL in EC2MPI_ADDRESS_SERVICE. Errors: unreachable.
[[nodiscard]] asio::awaitable<Result<std::string>> find_own_address(Environment environment, Limit limit);

/// The least policy for all commands, as JSON.
[[nodiscard]] std::string iam_policy();

}  // namespace ec2mpi::cloud
