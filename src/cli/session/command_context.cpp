#include "ec2mpi/cli/session/command_context.hpp"

#include "ec2mpi/cli/session/log.hpp"
#include "ec2mpi/cli/session/stay_behind.hpp"
#include "ec2mpi/cli/session/world.hpp"
#include "ec2mpi/ssh/kept/reusing_connector.hpp"

namespace ec2mpi::cli {

namespace {

/// Uses kept connections, else new ones. With --persist the new ones are kept when the command has ended.
std::unique_ptr<ssh::Connector> make_connector(Runtime& runtime, Access& access) {
  const auto idle = access.persist.value_or(std::chrono::seconds(0));
  ssh::ReuseOptions reuse;
  reuse.folder = access.connections;
  reuse.use = access.persist != std::chrono::seconds(0);
  if (idle.count() > 0) {
    reuse.to_keep = std::make_shared<ssh::SessionsToKeep>();
    // The sessions must not outlive the loop, so the runtime's last act owns them.
    runtime.set_last_act([&runtime, &access, idle, to_keep = reuse.to_keep] {
      stay_behind(runtime, access, *to_keep, idle);
      to_keep->clear();
    });
  }
  auto connector =
      runtime.options().world->make_connector(runtime.executor(), access.transport, access.host_keys);
  // The log is outermost, so it shows kept connections and new ones alike.
  return make_logged_connector(ssh::make_reusing_connector(std::move(connector), std::move(reuse)));
}

}  // namespace

asio::awaitable<int> work_on_loop(Runtime& runtime, Cluster& cluster, Access& access, FleetOptions flow,
                                  Work work) {
  const auto connector = make_connector(runtime, access);
  CommandContext context{runtime, cluster, access, *connector, flow};
  const int code = co_await work(context);
  co_return code;
}

int run_on_loop(Cluster& cluster, Access& access, FleetOptions flow, const CommonOptions& common, Work work) {
  begin_log(cluster, common);
  Runtime runtime(common);
  const int code = runtime.run(work_on_loop(runtime, cluster, access, flow, std::move(work)));
  end_log(code);
  return code;
}

}  // namespace ec2mpi::cli
