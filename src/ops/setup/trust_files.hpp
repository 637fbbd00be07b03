#pragma once
/// Writes the texts of setup on one node, tries a login there, and takes the texts away again. trust.sh does
/// the work on the node: every file is whole, old or new, whatever happens, and keeps all lines of other
/// programs.

#include <set>
#include <string>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/exec/exec.hpp"
#include "ec2mpi/ops/setup/setup_state.hpp"
#include "ec2mpi/ops/setup/trust_text.hpp"

namespace ec2mpi::ops {

/// The effect of one change. A text that was in place already when the lock was taken is not in it: another
/// node with the same home, or another ec2mpi, was first.
struct TrustChange {
  std::set<std::string> done = {};          ///< names of texts that were written or taken away
  std::vector<std::string> tightened = {};  ///< paths that lost the write permission of other users
  bool busy = false;  ///< nothing was changed: `reason` names another ec2mpi that is at work
  std::string reason = {};
};

/// Writes the login user's files and blocks, and looks whether they are there. `claim` names the setup on
/// the one node where it is claimed against setups with other keys, else it is empty. Errors: those of the
/// session, remote_io.
[[nodiscard]] asio::awaitable<Result<TrustChange>> write_texts(NodeRun run, std::vector<TrustText> texts,
                                                               std::string claim);

/// The block in /etc/hosts. Errors: also auth.
[[nodiscard]] asio::awaitable<Result<TrustChange>> write_hosts(NodeRun run, RootAccess access,
                                                               PasswordSource password, TrustText text);

/// These two undo them.
[[nodiscard]] asio::awaitable<Result<TrustChange>> take_texts(NodeRun run);
[[nodiscard]] asio::awaitable<Result<TrustChange>> take_hosts(NodeRun run, RootAccess access,
                                                              PasswordSource password);

/// A login from one node to another, and the state of the first one afterwards.
struct TrustLogin {
  bool ok = false;
  std::string said;  ///< by ssh, if it failed
  std::map<std::string, std::string> states;

  /// sshd has accepted the connection, and its settings keep the login or its command out.
  [[nodiscard]] bool is_sshds_choice() const;
  /// What to do about a login from one node to another that ssh or the network kept from getting to sshd's
  /// choice; begins with "; ", or is empty.
  [[nodiscard]] std::string next_step(int from, int to) const;
};

/// Logs in from this node to `address`; gives `claim` back if it is not empty. Errors: those of the session,
/// remote_io.
[[nodiscard]] asio::awaitable<Result<TrustLogin>> try_login(NodeRun run, std::string address,
                                                            std::string claim);

/// A login from one node to another, as the second one's sshd sees it.
struct SshdQuestion {
  std::string user;
  std::string home;
  std::string from;  ///< addresses
  std::string to;
  std::uint16_t port = 22;
};

/// The settings of this node's sshd that choose which logins it accepts; empty if they are not readable.
[[nodiscard]] asio::awaitable<std::string> sshd_settings(NodeRun run, RootAccess access,
                                                         PasswordSource password, SshdQuestion question);

}  // namespace ec2mpi::ops
