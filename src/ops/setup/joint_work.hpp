#pragma once
/// Work on all nodes at once, in steps that every node finishes before the next one begins.

#include <string>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/node/barrier.hpp"
#include "ec2mpi/ops/setup/setup_nodes.hpp"
#include "src/ops/setup/sharing.hpp"

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
  /// `state`: the node's answer, which stays valid.
  virtual asio::awaitable<Result<ssh::ExitStatus>> work_on(NodeRun run, const SetupState& state) = 0;

  /// Waits until every node that has not failed is here as well.
  [[nodiscard]] asio::awaitable<Result<void>> wait_for_all(NodeRun& run);

  SetupStates states_;  ///< of the nodes that have answered, by index

 private:
  asio::awaitable<Result<ssh::ExitStatus>> ask_and_work(NodeRun run);

  Observer& observer_;
  Barrier barrier_;
};

}  // namespace ec2mpi::ops
