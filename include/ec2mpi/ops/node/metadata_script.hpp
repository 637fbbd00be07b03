#pragma once
/// Asking the instance metadata service, IMDSv2 only: PUT /latest/api/token, then GET meta-data/KEY.

namespace ec2mpi::ops {

/// A shell function `metadata KEY...` that prints "KEY VALUE" for each key that the service knows. Two
/// seconds for each answer; AWS_EC2_METADATA_SERVICE_ENDPOINT and AWS_EC2_METADATA_DISABLED on the node are
/// honoured. Status 3: the service doesn't answer, or nothing is there to ask it with (curl or python3).
extern const char* const kMetadataFunction;

}  // namespace ec2mpi::ops
