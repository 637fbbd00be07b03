#include "ec2mpi/ops/push/task.hpp"

#include <asio/this_coro.hpp>
#include <map>

#include "ec2mpi/ops/node/extra_session.hpp"
#include "src/ops/push/delivery.hpp"

namespace ec2mpi::ops {

namespace {

/// Additional connections of a whole push: enough for three nodes.
constexpr std::size_t kMostLanes = 3 * kConnectionsToNode;

asio::awaitable<Result<ssh::ExitStatus>> deliver(NodeRun run, std::shared_ptr<GroupPush> push) {
  const auto executor = co_await asio::this_coro::executor;
  push->use(executor);
  Delivery delivery(run, *push, executor);
  auto done = co_await delivery.carry_out();
  Result<ssh::ExitStatus> status;
  if (!done) status = std::unexpected(done.error());
  co_return status;
}

}  // namespace

NodeTask push_task(PushPlan plan) {
  const auto shared = std::make_shared<const PushPlan>(std::move(plan));
  shared->count->all_files = count_files(shared->groups);
  const auto common = std::make_shared<PushCommon>();
  common->lanes = kMostLanes;
  std::map<int, std::shared_ptr<GroupPush>> pushes;  // by node
  // Each group has its own tree, key and relay; the number of connections is shared.
  for (const auto& group : shared->groups) {
    const auto push = std::make_shared<GroupPush>(shared, group, common);
    for (const auto index : group.nodes) pushes.emplace(index, push);
  }
  return [pushes = std::move(pushes)](NodeRun run) {
    const auto& push = pushes.at(run.node.index);
    return deliver(std::move(run), push);
  };
}

}  // namespace ec2mpi::ops
