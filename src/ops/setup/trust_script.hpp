#pragma once
/// trust.sh, the program that checks, writes, removes and tries the texts of setup on a node.

#include <string>
#include <vector>

namespace ec2mpi::ops {

/// The exit status of the program when another ec2mpi is at work on the same files or nodes.
inline constexpr int kTrustBusy = 75;

/// The program's text without comments; it takes its action and arguments from the shell's.
[[nodiscard]] std::string trust_program();

/// Shell text that runs the program with these arguments.
[[nodiscard]] std::string trust_script(const std::vector<std::string>& arguments);

}  // namespace ec2mpi::ops
