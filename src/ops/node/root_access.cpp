#include "ec2mpi/ops/node/root_access.hpp"

#include "src/ops/node/programs.hpp"

namespace ec2mpi::ops {

std::string_view check_sudo_text() {
  static const std::string kText = std::string(kSudoWordsSh) + std::string(kCheckSudoSh);
  return kText;
}

std::string_view sudo_words_text() {
  return kSudoWordsSh;
}

std::string_view check_noexec_text() {
  return kCheckNoexecSh;
}

/// In any language sudo repeats the command that it refuses. None of its other messages has these words.
std::string sudo_refusal(std::string_view printed) {
  if (printed.find("/sh -c ") == std::string_view::npos) return {};
  return "sudo there does not let this account run sh as root; sudo -l shows what it allows";
}

}  // namespace ec2mpi::ops
