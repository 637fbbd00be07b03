#include "ec2mpi/cli/session/connecting.hpp"

#include "ec2mpi/cli/session/stay_behind.hpp"
#include "ec2mpi/cli/session/world.hpp"
#include "ec2mpi/ssh/kept/reusing_connector.hpp"

namespace ec2mpi::cli {

std::unique_ptr<ssh::Connector> make_connector(Runtime& runtime, Access& access) {
  const auto idle = access.persist.value_or(std::chrono::seconds(0));
  ssh::ReuseOptions reuse;
  reuse.folder = access.connections;
  reuse.use = access.persist != std::chrono::seconds(0);
  if (idle.count() > 0) {
    reuse.to_keep = std::make_shared<ssh::SessionsToKeep>();
    // The map goes with the runtime's last act, so before the loop.
    runtime.set_last_act([&runtime, &access, idle, to_keep = reuse.to_keep] {
      stay_behind(runtime, access, *to_keep, idle);
      to_keep->clear();
    });
  }
  auto connector =
      runtime.options().world->make_connector(runtime.executor(), access.transport, access.host_keys);
  return ssh::make_reusing_connector(std::move(connector), std::move(reuse));
}

}  // namespace ec2mpi::cli
