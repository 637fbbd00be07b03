#include "src/ops/push/script.hpp"

#include "ec2mpi/base/text.hpp"
#include "src/ops/push/programs.hpp"

namespace ec2mpi::ops {

const std::string& push_script() {
  static const std::string script = set_variables({{"merge_program", kMergePl}})
                                        .append(kPushSurveySh)
                                        .append(kPushArchiveSh)
                                        .append(kPushStepsSh)
                                        .append(kPushSh);
  return script;
}

}  // namespace ec2mpi::ops
