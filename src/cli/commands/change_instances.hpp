#pragma once
/// The commands stop and down, also as the last step of another command.

#include "src/cli/commands/instances.hpp"

namespace ec2mpi::cli {

struct ChangeRequest {
  InstanceOptions which = {};
  Agreement agreement = {};
  bool force = false;  ///< also while jobs run, and if results would be lost
};

/// Return the exit code. Errors: those that are found before the first packet.
[[nodiscard]] Result<int> stop_instances(const ChangeRequest& request, const CommonOptions& common);
[[nodiscard]] Result<int> end_instances(const ChangeRequest& request, const CommonOptions& common);

}  // namespace ec2mpi::cli
