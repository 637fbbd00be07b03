#pragma once
#include <string>
#include <vector>

#include "ec2mpi/cli/session/world.hpp"

namespace ec2mpi::cli {

/// The whole program: parses the arguments (without the program's name), runs the command in this world, and
/// returns the exit code.
int run(const World& world, const std::vector<std::string>& arguments);

}  // namespace ec2mpi::cli
