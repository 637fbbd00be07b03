#include "ec2mpi/cli/terminal/json.hpp"

namespace ec2mpi::cli {

namespace {
/// Grows when a field goes or changes its meaning, and not when one is added.
constexpr int kSchema = 1;
}  // namespace

std::string dump_json(const Json& json) {
  Json document = json;
  if (json.is_object()) {
    document = {{"schema", kSchema}};
    document.update(json);
  }
  return document.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ec2mpi::cli
