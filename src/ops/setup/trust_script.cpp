#include "src/ops/setup/trust_script.hpp"

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

extern const char* const kTrustProgram;

std::string trust_program() {
  return without_comments(kTrustProgram);
}

std::string trust_script(const std::vector<std::string>& arguments) {
  return "set -- " + quote_words(arguments) + "\n" + trust_program();
}

}  // namespace ec2mpi::ops
