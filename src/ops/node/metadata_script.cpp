#include "ec2mpi/ops/node/metadata_script.hpp"

#include "ec2mpi/base/text.hpp"
#include "src/ops/node/programs.hpp"

namespace ec2mpi::ops {

const std::string kMetadataFunction = set_variables({{"metadata_program", kMetadataPy}}).append(kMetadataSh);

}  // namespace ec2mpi::ops
