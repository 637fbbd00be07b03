#include "ec2mpi/cli/session/world.hpp"

namespace ec2mpi::cli {

const World& real_world() {
  static const World world{.now = [] { return std::chrono::system_clock::now(); },
                           .make_connector = ssh::make_libssh_connector,
                           .open_ec2 = cloud::open_ec2};
  return world;
}

}  // namespace ec2mpi::cli
