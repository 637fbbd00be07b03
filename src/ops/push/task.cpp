#include <asio/this_coro.hpp>
#include <map>

#include "src/ops/push/delivery.hpp"

namespace ec2mpi::ops {

namespace {

using PushesByNode = std::map<int, std::shared_ptr<GroupPush>>;

/// Each group has its own tree, key and shares; the number of connections is shared.
PushesByNode make_pushes(const std::shared_ptr<const PushPlan>& plan, const asio::any_io_executor& executor) {
  PushesByNode pushes;
  const auto common = std::make_shared<PushCommon>(executor);
  for (const auto& group : plan->groups) {
    const auto push = std::make_shared<GroupPush>(executor, plan, group, common);
    for (const auto index : group.nodes) pushes.emplace(index, push);
  }
  return pushes;
}

/// The first node makes `pushes`, because only a task knows the executor.
asio::awaitable<Result<ssh::ExitStatus>> deliver(NodeRun run, std::shared_ptr<const PushPlan> plan,
                                                 std::shared_ptr<PushesByNode> pushes) {
  const auto executor = co_await asio::this_coro::executor;
  if (pushes->empty()) *pushes = make_pushes(plan, executor);
  Delivery delivery(run, *pushes->at(run.node.index), executor);
  auto done = co_await delivery.carry_out();
  Result<ssh::ExitStatus> status;
  if (!done) status = std::unexpected(done.error());
  co_return status;
}

}  // namespace

NodeTask push_task(PushPlan plan) {
  plan.count->all_files = count_files(plan.groups);
  const auto shared = std::make_shared<const PushPlan>(std::move(plan));
  return [shared, pushes = std::make_shared<PushesByNode>()](NodeRun run) {
    return deliver(std::move(run), shared, pushes);
  };
}

}  // namespace ec2mpi::ops
