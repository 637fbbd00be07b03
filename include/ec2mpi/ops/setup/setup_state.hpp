#pragma once
/// What setup has to know of a node before it changes anything there.

#include <asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/cluster/values/facts.hpp"
#include "ec2mpi/ops/node/root_access.hpp"
#include "ec2mpi/ssh/host_keys.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::ops {

/// The state of a file or block that isn't there, and of a block whose end is missing.
inline constexpr std::string_view kAbsent = "absent";
inline constexpr std::string_view kBroken = "broken";

struct SetupState {
  NodeFacts facts;
  std::string user;        ///< the login user
  std::uint16_t port = 0;  ///< of its sshd, as the node sees it
  RootAccess root = RootAccess::none;
  std::string sudo_said;                      ///< why sudo does not serve, as a sentence; empty if it does
  std::vector<ssh::HostKey> host_keys;        ///< all that lie in the node's /etc/ssh
  std::map<std::string, std::string> states;  ///< by TrustText::name: cksum of what setup wrote, or a word
  std::string python_said;                    ///< by a python3 that does not run; empty if it does
  bool mpi_headers = false;                   ///< there is an mpicc
  std::string package_manager;                ///< "apt", "dnf", or empty
};

/// Why nothing can be done as root, and --sudo where that helps: "there is no sudo".
[[nodiscard]] std::string why_not_root(const SetupState& state);

/// Reads what the state script printed behind the facts; as strict as parse_facts. Errors: remote_io.
[[nodiscard]] Result<SetupState> parse_setup_state(std::string_view printed);

/// The states alone, as the scripts that change something print them at their end.
[[nodiscard]] Result<std::map<std::string, std::string>> parse_states(std::string_view printed);

/// Asks one node, in one round trip; changes nothing there. Errors: those of the session, remote_io.
[[nodiscard]] asio::awaitable<Result<SetupState>> ask_setup_state(ssh::Session& session, Limit limit);

}  // namespace ec2mpi::ops
