#pragma once
/// Which instance answers at an address: finds lists that are out of date.

#include "ec2mpi/fleet/fleet.hpp"

namespace ec2mpi::ops {

/// Asks each node's metadata service (IMDSv2 only: PUT /latest/api/token, then GET meta-data/instance-id, two
/// seconds each; AWS_EC2_METADATA_SERVICE_ENDPOINT on the node is honoured). Another id than the list's is
/// the node's Error (inventory); no answer from the service is one of kind remote_io. The id goes to the
/// observer as a line.
[[nodiscard]] NodeTask instance_id_task();

}  // namespace ec2mpi::ops
