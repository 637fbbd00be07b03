#pragma once
/// setup: the nodes trust each other by ssh, know each other's names, and have MPI.
///
/// Each node has one connection. First all nodes report their state. When the last one has answered or
/// failed, setup decides which nodes are members of the cluster, and gives each node its missing parts. A
/// node that does not answer stays in the files of the others, as it is remembered. At the end each node logs
/// in to the next one.

#include <asio/awaitable.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/exec/exec.hpp"
#include "ec2mpi/ops/setup/member.hpp"
#include "ec2mpi/ops/setup/packages.hpp"
#include "ec2mpi/ops/setup/setup_nodes.hpp"
#include "ec2mpi/ops/setup/trust_text.hpp"
#include "ec2mpi/ssh/host_keys.hpp"
#include "ec2mpi/ssh/libssh/key_pair.hpp"

namespace ec2mpi::ops {

/// The memory of the laptop from one setup to the next.
struct SetupMemory {
  std::vector<ClusterMember> members;
  std::optional<ssh::KeyPair> pair;
};

struct SetupRequest {
  ListedNodes listed;
  bool whole_list = true;  ///< a node that left can lose the key: all others get a new one
  SetupMemory memory = {};
  bool dry_run = false;
  bool packages = true;
  MpiChoice mpi = MpiChoice::any;
  PasswordSource password = {};                               ///< for sudo; empty: no question
  std::function<Result<void>(const SetupMemory&)> keep = {};  ///< called before the first node is changed
};

class SetupObserver : public Observer {
 public:
  /// The present work of a node, for the progress line.
  virtual void on_doing(const Node&, std::string_view) {}
};

/// The changes on one node; in a dry run, those that it needs.
struct NodeSetup {
  std::vector<TrustText> texts;        ///< written
  std::vector<std::string> tightened;  ///< paths that lost the write permission of other users
  std::string
      shares;  ///< "shares node1's home", "is the same machine as node1": the texts written there count here
  std::vector<std::string> packages;  ///< installed
  std::vector<std::string> notes;     ///< parts that were not possible, but do not make the node fail
};

struct SetupEnd {
  FleetReport report;
  std::map<int, NodeSetup> done;    ///< by index
  std::vector<ClusterMember> left;  ///< no members any more
  bool new_pair = false;
  std::size_t members = 0;  ///< that trust each other
};

/// Sets up the nodes. `host_keys` are those that the laptop has verified. Ctrl-C leaves every file whole, old
/// or new; an installation that has begun continues on the node.
[[nodiscard]] asio::awaitable<SetupEnd> set_up(SetupNodes nodes, SetupRequest request,
                                               const ssh::HostKeys& host_keys, SetupObserver& observer);

}  // namespace ec2mpi::ops
