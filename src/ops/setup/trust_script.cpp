#include "src/ops/setup/trust_script.hpp"

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "src/ops/setup/programs.hpp"

namespace ec2mpi::ops {

std::string trust_program() {
  return std::string(need_tools_text()).append(kTrustSh);
}

std::string trust_script(const std::vector<std::string>& arguments) {
  return "set -- " + quote_words(arguments) + "\n" + trust_program();
}

}  // namespace ec2mpi::ops
