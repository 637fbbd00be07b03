#pragma once

namespace ec2mpi::ops {

/// How a command can be run as root.
enum class RootAccess {
  self,      ///< the login user is root
  sudo,      ///< by sudo, which asks nothing
  password,  ///< by sudo, which would ask
  none,      ///< there is no sudo
};

}  // namespace ec2mpi::ops
