#pragma once
/// Runs one task on many machines at once. No node waits for another, and none hides the result of another.

#include <asio/awaitable.hpp>
#include <functional>
#include <stop_token>
#include <vector>

#include "ec2mpi/base/limit.hpp"
#include "ec2mpi/fleet/observer.hpp"
#include "ec2mpi/fleet/outcome.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi {

/// The work on one node: a live session, and the observer of it.
struct NodeRun {
  const Node& node;
  ssh::Session& session;
  Limit limit;
  Observer& observer;
  ssh::Connector& connector;  ///< for additional connections to the node
};

/// The whole meaning of push, pull and exec is one of these.
using NodeTask = std::function<asio::awaitable<Result<ssh::ExitStatus>>(NodeRun)>;

struct FleetOptions {
  std::size_t fanout = 0;        ///< nodes at work at once; 0 means all
  std::size_t handshakes = 256;  ///< connections being set up at once: home routers and sshd's backlog
  Clock::duration connect_timeout =
      std::chrono::seconds(10);        ///< for one node, from its first packet to logged in
  Clock::duration task_timeout = {};   ///< for one node's task; zero means none
  Clock::duration whole_timeout = {};  ///< for everything; zero means none
  std::size_t retries = 0;             ///< of connections that failed before any task began
  bool fail_fast = false;              ///< the first node that fails stops those that have not begun
};

/// The connector, the options and the observer of work on nodes, and the token that ends the work early.
template <class ObserverType, class Stop>
struct RunContext {
  ssh::Connector& connector;
  FleetOptions options;
  ObserverType& observer;
  Stop stop;
};
using FleetContext = RunContext<Observer, std::stop_token>;

/// Connects to every node and runs the task there. If `context.stop` ends it early, nodes at work end as
/// cancelled, the others as NotRun. Always gives a result for every node.
[[nodiscard]] asio::awaitable<FleetReport> run_on_nodes(std::vector<Node> nodes, NodeTask task,
                                                        FleetContext context);

}  // namespace ec2mpi
