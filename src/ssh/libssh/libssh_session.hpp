#pragma once
#include <memory>

#include "ec2mpi/ssh/transport.hpp"
#include "src/ssh/libssh/link.hpp"

namespace ec2mpi::ssh {

/// A session over an authenticated link.
[[nodiscard]] std::unique_ptr<Session> make_libssh_session(std::shared_ptr<Link> link);

}  // namespace ec2mpi::ssh
