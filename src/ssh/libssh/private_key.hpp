#pragma once
#include "ec2mpi/ssh/libssh/private_key.hpp"
#include "src/ssh/libssh/handles.hpp"

namespace ec2mpi::ssh {

struct PrivateKey::Impl {
  KeyHandle key;            ///< unset for a key that only the agent holds
  std::string public_blob;  ///< the public key in its wire form
};

}  // namespace ec2mpi::ssh
