#pragma once
#include "ec2mpi/ssh/libssh/private_key.hpp"
#include "src/ssh/libssh/handles.hpp"

namespace ec2mpi::ssh {

struct PrivateKey::Impl {
  KeyHandle key;
};

}  // namespace ec2mpi::ssh
