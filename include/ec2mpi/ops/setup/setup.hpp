#pragma once
/// setup: nodes that trust each other by ssh, know each other's names, and have MPI. And its undoing.
///
/// Every node keeps one connection. First all are asked what they are; once all have answered or failed, it
/// is settled who belongs to the cluster, and each node gets what it lacks. Who can't be reached now stays in
/// what the others know, from what is remembered of it. At the end each node logs in to the next one.

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/exec/exec.hpp"
#include "ec2mpi/ops/setup/packages.hpp"
#include "ec2mpi/ops/setup/peer.hpp"
#include "ec2mpi/ops/setup/trust_text.hpp"
#include "ec2mpi/ssh/host_keys.hpp"
#include "ec2mpi/ssh/libssh/key_pair.hpp"

namespace ec2mpi::ops {

/// What is kept on the laptop from one setup to the next.
struct SetupMemory {
  std::vector<Peer> peers;
  std::optional<ssh::KeyPair> pair;
};

struct SetupWish {
  std::map<std::string, int> indices;  ///< by key, everybody in the list; 0 for who is not running
  bool whole_list = true;              ///< who left can lose the key: all others get a new one
  SetupMemory memory = {};
  bool dry_run = false;
  bool packages = true;
  MpiChoice mpi = MpiChoice::any;
  PasswordSource password = {};                               ///< for sudo; empty: nobody is asked
  std::function<Result<void>(const SetupMemory&)> keep = {};  ///< called before the first node is changed
};

/// Told what happens while it happens.
class SetupObserver : public Observer {
 public:
  /// What a node is busy with, for the progress line.
  virtual void on_doing(const Node&, std::string_view) {}
};

/// What was done on one node, or in a dry run would be.
struct NodeSetup {
  std::vector<TrustText> texts;        ///< written
  std::vector<std::string> tightened;  ///< paths that others could write to
  std::string shares;  ///< "node1's home", or "node1's machine": written there, and counts here as well
  std::vector<std::string> packages;  ///< installed
  std::vector<std::string> notes;     ///< what could not be done, and does not make the node fail
};

struct SetupEnd {
  FleetReport report;
  std::map<int, NodeSetup> done;  ///< by index
  std::vector<Peer> left;         ///< who is not in the list any more
  bool new_pair = false;
  std::size_t peers = 0;  ///< how many trust each other
};

/// Sets up the nodes. `host_keys` is what the laptop has verified. Ctrl-C leaves every file whole, old or
/// new; an installation that has begun goes on on the node. Only the limits and retries of `options` count:
/// all nodes are at work at once.
[[nodiscard]] asio::awaitable<SetupEnd> set_up(const asio::any_io_executor& executor, SetupWish wish,
                                               std::vector<Node> nodes, ssh::Connector& connector,
                                               const ssh::HostKeys& host_keys, FleetOptions options,
                                               SetupObserver& observer, std::stop_token stop);

/// What was taken away on one node, or in a dry run would be.
struct NodeUndo {
  std::vector<std::string> paths;
  std::string shares;  ///< as in NodeSetup
};

struct UndoEnd {
  FleetReport report;
  std::map<int, NodeUndo> restored;  ///< by index
};

/// Takes away what set_up wrote, byte for byte; packages stay. Lines of others stay, whoever changes the
/// files at the same time. In a dry run nothing is touched.
[[nodiscard]] asio::awaitable<UndoEnd> undo_setup(const asio::any_io_executor& executor, bool dry_run,
                                                  PasswordSource password, std::vector<Node> nodes,
                                                  ssh::Connector& connector, FleetOptions options,
                                                  Observer& observer, std::stop_token stop);

}  // namespace ec2mpi::ops
