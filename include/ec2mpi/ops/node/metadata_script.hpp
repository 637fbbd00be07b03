#pragma once
/// Asks the instance metadata service, by IMDSv2 only.

#include <string>

namespace ec2mpi::ops {

/// Shell text that defines the function `metadata KEY...` (src/ops/node/metadata.sh).
extern const std::string kMetadataFunction;

}  // namespace ec2mpi::ops
