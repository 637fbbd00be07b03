#pragma once
#include <string>
#include <vector>

namespace ec2mpi::cli {

/// The whole program: parses the arguments (without the program's name), runs the command, gives the exit
/// code.
int run(const std::vector<std::string>& arguments);

}  // namespace ec2mpi::cli
