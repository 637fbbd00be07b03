#pragma once
/// The machine, the port and the login that a connection to a node needs: the list's own words first, then
/// flags and settings, then ssh_config, then the defaults.

#include <spdlog/common.h>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/limit.hpp"
#include "ec2mpi/ssh/libssh/options.hpp"
#include "src/ssh/libssh/agent.hpp"
#include "src/ssh/libssh/private_key.hpp"
#include "src/ssh/libssh/user_config.hpp"

namespace ec2mpi::ssh {

inline constexpr std::uint16_t kDefaultPort = 22;

/// The keys for a login, in the order in which they are tried.
struct Credentials {
  std::vector<PrivateKey> keys = {};           ///< named by the user or by ssh_config
  std::shared_ptr<AgentGate> agent = {};       ///< unset: there is none, or it is not to be used
  bool all_of_agent = true;                    ///< also its keys that nobody named
  std::vector<PrivateKey> fallback_keys = {};  ///< the usual ones, if nobody named any
};

enum class Role { node, jump_host };

/// After the list, the flags and ssh_config have been asked.
struct Target {
  Role role = Role::node;
  std::string host = {};
  std::string host_place = {};  ///< FILE:LINE of the HostName that gives the host; empty if there is none
  std::uint16_t port = kDefaultPort;
  std::string user = {};
  std::vector<std::filesystem::path> identity_files = {};  ///< that ssh_config names
  std::optional<std::string> configured_agent = {};        ///< the socket that ssh_config names, or empty
  Credentials credentials = {};                            ///< filled from the two above for a login
  std::optional<Node> jump = {};
  std::string key_alias = {};  ///< of ssh_config; stands for the address where the list gives no instance id
  bool strict = false;         ///< ssh_config accepts known host keys only

  /// The socket; empty: none is used.
  [[nodiscard]] std::string agent() const { return configured_agent.value_or(usual_agent()); }
};

/// The node under whose name the host key is looked up.
[[nodiscard]] Node key_owner(Node node, const Target& target);

/// Reads the ssh configuration, loads keys and opens agents once for all nodes. Warns once of settings and
/// keys that are not used, unless it is told to report nothing.
class TargetFinder {
 public:
  enum class Reports { once, none };
  explicit TargetFinder(LibsshOptions options, Reports reports = Reports::once);

  [[nodiscard]] Result<Target> target_of(const Node& node);
  [[nodiscard]] Result<Target> target_of_jump(const Node& node);
  /// Fills in the credentials; may ask for a passphrase.
  [[nodiscard]] Result<Target> with_keys(Result<Target> target);
  /// For a target that refused all keys: opens those of its keys that are closed, and may ask for their
  /// passphrases. Returns the refusal, with the reason for a key that could not be opened.
  [[nodiscard]] Error open_keys(const Target& target, Error refusal);
  /// How many closed keys have been opened until now.
  [[nodiscard]] std::size_t opened_keys() const { return opened_keys_; }
  /// For how long questions for passphrases have held up all logins until now.
  [[nodiscard]] Clock::duration time_asking() const { return *time_asking_; }

 private:
  Result<Target> target_without_jump(const Node& node, Role role, HostSettings& configured);
  Result<Target> target_with_jump(const Node& node, HostSettings& configured);
  /// Errors: usage, if a HostName leads this node to the machine of another node of the list:
  /// that machine would be taken for both.
  Result<void> check_machine(const Node& node, const Target& target);
  std::multimap<std::string, Node> machines_of_list();
  Result<SshConfig*> ssh_config();
  void report_unused(const HostSettings& configured);
  void report_once(spdlog::level::level_enum level, const std::vector<std::string>& unused);
  Result<PrivateKey> configured_key(const std::filesystem::path& file, const std::string& agent);
  std::shared_ptr<AgentGate> agent_at(const std::string& socket);

  LibsshOptions options_;
  Reports reports_;
  std::map<std::pair<std::filesystem::path, std::string>, Result<PrivateKey>> configured_keys_;
  std::map<std::string, std::shared_ptr<AgentGate>> agents_;
  std::optional<std::multimap<std::string, Node>> machines_;  ///< the list's nodes, by the machine
  std::set<std::string> replaced_ways_;                       ///< lines of ssh_config that -J replaces
  std::optional<Result<SshConfig>> ssh_config_;
  std::set<std::string> reported_;
  std::size_t opened_keys_ = 0;
  std::shared_ptr<Clock::duration> time_asking_ = std::make_shared<Clock::duration>();
};

}  // namespace ec2mpi::ssh
