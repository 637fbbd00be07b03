#pragma once
/// How programs of ours become root on a node, and what keeps them from it.

#include <string>
#include <string_view>

namespace ec2mpi::ops {

/// How a command can be run as root.
enum class RootAccess {
  self,      ///< the login user is root
  sudo,      ///< by sudo, which asks nothing
  password,  ///< by sudo, which would ask
  none,      ///< there is no sudo, or it refuses
};

/// Shell text in front of `sudo -n sh -c PROGRAM`: ends the program with a sentence if sudo would not run it.
[[nodiscard]] std::string_view check_sudo_text();

/// Shell text that defines the function `sudo_words`: what a sudo said that refused, as one sentence.
[[nodiscard]] std::string_view sudo_words_text();

/// Shell text, first in a program that sudo has started: ends it with a sentence where it may start no other
/// programs.
[[nodiscard]] std::string_view check_noexec_text();

/// Why sudo did not run a program of ours, from what sudo printed instead of it, which repeats the program.
/// Empty if it says anything else.
[[nodiscard]] std::string sudo_refusal(std::string_view printed);

}  // namespace ec2mpi::ops
