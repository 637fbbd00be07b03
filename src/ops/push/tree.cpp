#include "src/ops/push/tree.hpp"

namespace ec2mpi::ops {

std::vector<std::size_t> fed_by(std::size_t position, std::size_t size) {
  std::vector<std::size_t> fed;
  for (std::size_t i = 1; i <= kFanout && position * kFanout + i < size; ++i)
    fed.push_back(position * kFanout + i);
  return fed;
}

}  // namespace ec2mpi::ops
