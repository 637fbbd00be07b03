#pragma once
/// Work on all nodes at once, in steps that every node finishes before the next one begins.

#include <string>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/node/barrier.hpp"
#include "ec2mpi/ops/setup/setup_nodes.hpp"

namespace ec2mpi::ops {

/// Lives until run_on_all has ended.
class JointWork : public Observer {
 public:
  JointWork(const SetupNodes& nodes, Observer& observer)
      : observer_(observer), barrier_(nodes.executor, nodes.nodes.size()) {}

  [[nodiscard]] asio::awaitable<FleetReport> run_on_all(SetupNodes nodes);

  void on_phase(const Node& node, ssh::Phase phase) override { observer_.on_phase(node, phase); }
  void on_finish(const NodeResult& result) override;

 protected:
  virtual asio::awaitable<Result<ssh::ExitStatus>> work_on(NodeRun run) = 0;

  /// Waits until every node that has not failed is here as well.
  [[nodiscard]] asio::awaitable<Result<void>> wait_for_all(NodeRun& run);

 private:
  Observer& observer_;
  Barrier barrier_;
};

}  // namespace ec2mpi::ops
