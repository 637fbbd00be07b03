#pragma once
#include "ec2mpi/ssh/libssh_transport.hpp"
#include "src/ssh/handles.hpp"

namespace ec2mpi::ssh {

struct PrivateKey::Impl {
  KeyHandle key;
};

}  // namespace ec2mpi::ssh
