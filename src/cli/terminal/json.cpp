#include "ec2mpi/cli/terminal/json.hpp"

namespace ec2mpi::cli {

std::string dump_json(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ec2mpi::cli
