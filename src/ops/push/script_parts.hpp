#pragma once

namespace ec2mpi::ops {

/// Functions of the push script: how the archive comes in and is passed on, and how what arrived comes to its
/// place.
extern const char* const kPushArchive;
extern const char* const kPushSteps;

}  // namespace ec2mpi::ops
