#include "src/cli/commands/check_life.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cloud/lifetime.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "src/cli/commands/cluster_of_instances.hpp"
#include "src/cli/commands/run_fleet.hpp"

namespace ec2mpi::cli {

namespace {

/// Runs as the login user, because nobody needs to be root to see whether the keeper runs. The
/// script waits for it: cloud-init may start the keeper after the first login.
asio::awaitable<Result<ssh::ExitStatus>> look_at_life(NodeRun run) {
  CO_TRY_AS(done, co_await ops::capture(run.session, cloud::life_check_script(), run.limit));
  if (done->status.ok()) co_return done->status;
  const std::string why(trim(done->err));
  co_return fail(ErrorKind::remote_io, fmt::format("{}, so it does not end by itself; ec2mpi extend sets it",
                                                   why.empty() ? done->status.describe() : printable(why)));
}

asio::awaitable<int> check_nodes(CommandContext& context) {
  FleetCommand command{.style = {.quiet = true, .doing = "end of life"}, .task = look_at_life};
  const auto report = co_await run_fleet(context, std::move(command));
  co_return exit_code_for(report);
}

}  // namespace

asio::awaitable<int> check_life(InstanceContext& context) {
  const auto found = co_await look_up_known(context);
  if (!found) co_return report_error(context, found.error(), exit_code::node_failed);
  // An instance that has ended meanwhile is not asked.
  const auto reached = reach_instances(context, *found);
  if (!reached) co_return report_error(context, reached.error(), exit_code::node_failed);
  Work check = check_nodes;
  co_return co_await work_on_loop(context.runtime, (*reached)->cluster, (*reached)->access, (*reached)->flow,
                                  std::move(check));
}

}  // namespace ec2mpi::cli
