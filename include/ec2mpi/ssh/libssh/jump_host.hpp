#pragma once
/// The words that name a jump host, as ssh reads them. Pure.

#include <optional>
#include <string_view>

#include "ec2mpi/cluster/values/node.hpp"

namespace ec2mpi::ssh {

/// Takes "host" or "user@host" into the address and the user of `jump`; false if the word is neither. The
/// host may be any alias of the ssh configuration.
[[nodiscard]] bool take_jump_host(std::string_view word, Node& jump);

/// The host of a ProxyJump: [USER@]HOST[:PORT], or the same as ssh://; nothing for a list of hosts.
[[nodiscard]] std::optional<Node> jump_of_words(std::string_view words);

}  // namespace ec2mpi::ssh
