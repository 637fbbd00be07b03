#pragma once
/// What setup writes on one node, tries there, and takes away again. See programs/trust.sh for what happens
/// on the node: every file is whole, old or new, whatever happens, and keeps all lines of others.

#include <set>
#include <string>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/exec/exec.hpp"
#include "ec2mpi/ops/setup/survey.hpp"
#include "ec2mpi/ops/setup/trust_text.hpp"

namespace ec2mpi::ops {

/// What one change really did. A text that was in place already when the lock was taken is not in it: another
/// node with the same home, or another ec2mpi, was first.
struct TrustChange {
  std::set<std::string> done = {};          ///< names of texts written or taken away
  std::vector<std::string> tightened = {};  ///< paths that others could write to, as shown
  bool busy = false;  ///< nothing was changed: `reason` names another ec2mpi that is at work
  std::string reason = {};
};

/// Writes files and blocks of the login user's, and looks whether they are there. `claim` names the setup on
/// the one node where it is claimed against setups with other keys, else it is empty. Errors: those of the
/// session, remote_io.
[[nodiscard]] asio::awaitable<Result<TrustChange>> write_texts(NodeRun run, std::vector<TrustText> texts,
                                                               std::string claim);

/// The block in /etc/hosts. Errors: also auth.
[[nodiscard]] asio::awaitable<Result<TrustChange>> write_hosts(NodeRun run, RootAccess access,
                                                               PasswordSource password, std::string text);

/// The contraries.
[[nodiscard]] asio::awaitable<Result<TrustChange>> take_texts(NodeRun run);
[[nodiscard]] asio::awaitable<Result<TrustChange>> take_hosts(NodeRun run, RootAccess access,
                                                              PasswordSource password);

/// A login from one node to another, and what lies on the first one afterwards.
struct TrustLogin {
  bool ok = false;
  std::string said;  ///< by ssh, if it failed
  std::map<std::string, std::string> states;
};

/// Logs in from this node to `address`; gives `claim` back if it is not empty. Errors: those of the session,
/// remote_io.
[[nodiscard]] asio::awaitable<Result<TrustLogin>> try_login(NodeRun run, std::string address,
                                                            std::string claim);

/// The lines of `sshd -T` by which this node's sshd chooses who may log in, for a peer at `address`; empty if
/// they cannot be had.
[[nodiscard]] asio::awaitable<std::string> sshd_settings(NodeRun run, RootAccess access,
                                                         PasswordSource password, std::string user,
                                                         std::string address);

}  // namespace ec2mpi::ops
