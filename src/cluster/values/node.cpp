#include "ec2mpi/cluster/values/node.hpp"

#include <fmt/format.h>

namespace ec2mpi {

std::string Node::label() const {
  return fmt::format("node{}", index);
}

}  // namespace ec2mpi
