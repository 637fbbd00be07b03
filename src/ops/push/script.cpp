#include "src/ops/push/script.hpp"

#include "ec2mpi/base/text.hpp"
#include "src/ops/push/programs.hpp"

namespace ec2mpi::ops {

std::string passer_text() {
  return "passer=" + quote_word(kPassOnPl);
}

const std::string& push_script() {
  static const std::string script = set_variables({{"merge_program", kMergePl}}).append(kPushSh);
  return script;
}

}  // namespace ec2mpi::ops
