#include "src/ops/setup/joint_work.hpp"

#include "ec2mpi/base/try.hpp"

namespace ec2mpi::ops {

asio::awaitable<FleetReport> JointWork::run_on_all(SetupNodes nodes) {
  nodes.options.fanout = 0;  // all nodes meet at the barrier
  NodeTask task = [this](NodeRun run) { return ask_and_work(run); };
  FleetContext context{nodes.connector, nodes.options, *this, std::move(nodes.stop)};
  auto report = co_await run_on_nodes(std::move(nodes.nodes), std::move(task), std::move(context));
  co_return report;
}

asio::awaitable<Result<ssh::ExitStatus>> JointWork::ask_and_work(NodeRun run) {
  CO_TRY_AS(answer, co_await ask_setup_state(run.session, run.limit));
  const auto& state = states_.emplace(run.node.index, std::move(*answer)).first->second;
  auto done = co_await work_on(run, state);
  co_return done;
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
