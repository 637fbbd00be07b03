#include "src/cli/commands/after_job.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "ec2mpi/ops/job/stop_after_job.hpp"
#include "src/cli/commands/change_instances.hpp"
#include "src/cli/commands/instances.hpp"

namespace ec2mpi::cli {

namespace {

/// The end after a job names all ids itself and asks nobody, so only this check protects instances
/// that ec2mpi has not started. Errors: usage.
Result<void> refuse_foreign(const std::vector<cloud::Instance>& instances, AfterJob then) {
  const auto is_foreign = [](const cloud::Instance& one) { return one.tag(cloud::kClusterTag).empty(); };
  const auto foreign = static_cast<std::size_t>(std::ranges::count_if(instances, is_foreign));
  if (then != AfterJob::down || foreign == 0) return {};
  return fail(ErrorKind::usage,
              fmt::format("--then down: ec2mpi has not started {} of these; --then stop stops them",
                          count_of(foreign, "instance")));
}

/// A dry run of the change that follows the job. With --detach that is a stop in any case: nobody
/// will be here to bring the results before the disks are gone.
asio::awaitable<cloud::Answer<void>> ask_ec2(InstanceContext& context, std::vector<std::string> ids,
                                             const AfterJobOptions& options) {
  if (options.then == AfterJob::down && !options.detach)
    return context.ec2.terminate(std::move(ids), true, context.limit());
  return context.ec2.stop(std::move(ids), true, context.limit());
}

/// Of those that run. What EC2 answers with stands in a shell's words later.
std::vector<std::string> private_addresses_of(const std::vector<cloud::Instance>& instances) {
  std::vector<std::string> addresses;
  for (const auto& one : instances)
    if (one.state == "running" && is_ipv4(one.private_address)) addresses.push_back(one.private_address);
  return addresses;
}

asio::awaitable<int> prepare(InstanceContext& context, const AfterJobOptions& options,
                             InstancesOfJob& instances) {
  auto found = co_await look_up_known(context);
  if (!found) co_return report_error(context, found.error(), exit_code::not_started);
  const auto ours = refuse_foreign(*found, options.then);
  if (!ours) co_return report_error(context, ours.error(), exit_code::not_started);
  instances = {ids_of(*found), private_addresses_of(*found)};
  const auto& ids = instances.ids;
  const auto allowed = co_await ask_ec2(context, ids, options);
  if (!allowed) co_return report_error(context, allowed.error(), exit_code::not_started);
  if (!options.detach) co_return exit_code::ok;
  // The instances of `up` end with their disks when they shut down, unless this is changed.
  for (const auto& id : ids) {
    const auto set = co_await context.ec2.set_shutdown_behaviour(id, cloud::ShutdownBehaviour::stop, false,
                                                                 context.limit());
    if (!set) co_return report_error(context, set.error(), exit_code::not_started);
  }
  // Only the instances of `up` could get their old behaviour back, by `extend`.
  std::erase_if(*found, [](const cloud::Instance& one) { return one.tag(cloud::kClusterTag).empty(); });
  if (!found->empty()) {
    cloud::Tags marks{{cloud::kStopsTag, "after a job"}};
    const auto marked = co_await context.ec2.tag(ids_of(*found), std::move(marks), false, context.limit());
    if (!marked) co_return report_error(context, marked.error(), exit_code::not_started);
  }
  context.console().talk(
      "ec2mpi: the instances stop after the job, and from now on also at their end of life: disks and "
      "results stay and cost money until ec2mpi down");
  co_return exit_code::ok;
}

}  // namespace

Result<int> prepare_end(const AfterJobOptions& options, const CommonOptions& common,
                        InstancesOfJob& instances) {
  InstanceOptions which;
  which.list = options.list;
  return run_on_instances(which, common, [&options, &instances](InstanceContext& context) {
    return prepare(context, options, instances);
  });
}

asio::awaitable<Result<void>> stop_after_job(CommandContext& context, std::string id,
                                             std::vector<std::string> private_addresses) {
  const auto limit = Limit{.deadline = Clock::time_point::max(), .stop = context.runtime.stop()};
  const auto patience = limit.at_most(context.flow.connect_timeout);
  CO_TRY_AS(session, co_await context.connector.connect(context.master(), patience, [](ssh::Phase) {}));
  auto begun =
      co_await ops::stop_nodes_after_job(**session, std::move(id), std::move(private_addresses), limit);
  co_return begun;
}

Result<int> end_after_job(const AfterJobOptions& options, const CommonOptions& common,
                          std::vector<std::string> ids) {
  ChangeRequest request;
  request.which.list = options.list;
  // The ids from before the job: a list that has changed since then ends no other instance.
  request.which.ids = std::move(ids);
  // It is agreed to, but not forced: jobs that others have started meanwhile keep the instances.
  request.agreement.yes = true;
  return options.then == AfterJob::down ? end_instances(request, common) : stop_instances(request, common);
}

}  // namespace ec2mpi::cli
