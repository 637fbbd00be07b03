#include "ec2mpi/ops/pull/pull.hpp"

#include "src/ops/pull/follow.hpp"
#include "src/ops/pull/node.hpp"

namespace ec2mpi::ops {

namespace {

asio::awaitable<Result<ssh::ExitStatus>> pull_once(NodeRun run, std::shared_ptr<PullJob> job) {
  PullNode node(run, *job);
  auto status = co_await node.run();
  co_return status;
}

}  // namespace

NodeTask pull_task(std::shared_ptr<PullJob> job) {
  if (job->options.follow)
    return [job = std::move(job)](NodeRun run) { return pull_and_follow(std::move(run), job); };
  return [job = std::move(job)](NodeRun run) { return pull_once(std::move(run), job); };
}

}  // namespace ec2mpi::ops
