#include "ec2mpi/cli/session/connecting.hpp"

#include "ec2mpi/cli/session/stay_behind.hpp"
#include "ec2mpi/ssh/kept/keeping.hpp"

namespace ec2mpi::cli {

std::unique_ptr<ssh::Connector> make_connector(Runtime& runtime, Access& access) {
  const auto idle = access.persist.value_or(std::chrono::seconds(0));
  ssh::KeepingOptions keeping;
  keeping.folder = access.connections;
  keeping.use = access.persist != std::chrono::seconds(0);
  if (idle.count() > 0) {
    keeping.leavings = std::make_shared<ssh::Leavings>();
    // The map goes with the runtime's last act, so before the loop.
    runtime.set_last_act([&runtime, &access, idle, leavings = keeping.leavings] {
      stay_behind(runtime, access, *leavings, idle);
      leavings->clear();
    });
  }
  auto cold = ssh::make_libssh_connector(runtime.executor(), access.transport, access.host_keys);
  return ssh::make_keeping_connector(std::move(cold), std::move(keeping));
}

}  // namespace ec2mpi::cli
