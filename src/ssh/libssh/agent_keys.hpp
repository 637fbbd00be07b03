#pragma once
/// What the user's ssh agent holds (draft-miller-ssh-agent).

#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::ssh {

struct AgentKey {
  std::string blob;  ///< the public key in its wire form
  std::string comment;
};

/// The list in an agent's answer to "request identities". Errors: protocol for any other answer.
[[nodiscard]] Result<std::vector<AgentKey>> parse_agent_answer(std::string_view answer);

/// Asks the agent at $SSH_AUTH_SOCK; empty if there is none or it does not answer within two seconds.
[[nodiscard]] std::vector<AgentKey> keys_in_agent();

}  // namespace ec2mpi::ssh
