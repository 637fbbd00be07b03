#include "src/ops/setup/joint_work.hpp"

namespace ec2mpi::ops {

asio::awaitable<FleetReport> JointWork::run_on_all(SetupNodes nodes) {
  nodes.options.fanout = 0;  // all nodes meet at the barrier
  NodeTask task = [this](NodeRun run) { return work_on(run); };
  auto report = co_await run_on_nodes(std::move(nodes.nodes), nodes.connector, std::move(task), nodes.options,
                                      *this, std::move(nodes.stop));
  co_return report;
}

void JointWork::on_finish(const NodeResult& result) {
  observer_.on_finish(result);
  barrier_.drop();
}

asio::awaitable<Result<void>> JointWork::wait_for_all(NodeRun& run) {
  const Wake wake = co_await barrier_.arrive_and_wait(run.limit);
  if (wake != Wake::notified) co_return wake_error(wake, "the other nodes did not answer in time");
  co_return Result<void>{};
}

}  // namespace ec2mpi::ops
