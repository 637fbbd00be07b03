#include "src/ops/setup/trust_script.hpp"

#include "ec2mpi/base/text.hpp"
#include "src/ops/setup/programs.hpp"

namespace ec2mpi::ops {

std::string trust_program() {
  return std::string(kTrustSh);
}

std::string trust_script(const std::vector<std::string>& arguments) {
  return "set -- " + quote_words(arguments) + "\n" + trust_program();
}

}  // namespace ec2mpi::ops
