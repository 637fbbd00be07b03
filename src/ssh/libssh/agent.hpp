#pragma once
/// The user's ssh agent (draft-miller-ssh-agent). libssh can only offer all keys of an agent and waits for it
/// without a limit; an AgentGate stands between the two.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/file.hpp"

namespace ec2mpi::ssh {

struct AgentKey {
  std::string blob;  ///< the public key in its wire form
  std::string comment;
};

/// The list in an agent's answer to "request identities". Errors: protocol for any other answer.
[[nodiscard]] Result<std::vector<AgentKey>> parse_agent_answer(std::string_view answer);

/// The keys of the agent at this socket; nothing if there is no agent there, or none that answers within two
/// seconds as agents do.
[[nodiscard]] std::optional<std::vector<AgentKey>> keys_in_agent(const std::string& socket);

/// Shows libssh some keys of an agent and hides the others.
class AgentGate {
 public:
  explicit AgentGate(std::string socket) : socket_(std::move(socket)) {}

  /// The agent is asked once.
  [[nodiscard]] const std::vector<AgentKey>& keys();
  /// False if it did not tell its keys; asks it if nobody has.
  [[nodiscard]] bool answers() { return held().has_value(); }
  [[nodiscard]] const std::string& socket() const { return socket_; }

  /// A descriptor at which an agent with only these keys answers; invalid if this machine cannot make one.
  /// The agent has ten seconds to sign; an agent that takes longer is not asked again.
  [[nodiscard]] UniqueFd open(const std::vector<std::string>& blobs);

 private:
  const std::optional<std::vector<AgentKey>>& held();

  std::string socket_;
  bool asked_ = false;
  std::optional<std::vector<AgentKey>> held_;
  std::map<std::vector<std::string>, UniqueFd> doors_;  ///< by the keys that they show
};

}  // namespace ec2mpi::ssh
