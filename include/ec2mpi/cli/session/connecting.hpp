#pragma once
/// The way to the nodes.

#include <memory>

#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/runtime.hpp"

namespace ec2mpi::cli {

/// Connections that are kept, else new ones; with --persist these are kept when the command has ended.
/// `access` must outlive runtime.run.
[[nodiscard]] std::unique_ptr<ssh::Connector> make_connector(Runtime& runtime, Access& access);

}  // namespace ec2mpi::cli
