#pragma once
#include <chrono>

namespace ec2mpi::test {

/// No part of a test takes that long, not on a busy machine either; one that does hangs. Only a failing test
/// waits for it.
inline constexpr std::chrono::seconds kHang{300};

/// For a limit of the program that has to end something, while other things have to come to their end before
/// it: these take milliseconds, unless the machine is busy.
inline constexpr std::chrono::seconds kLimit{2};

}  // namespace ec2mpi::test
