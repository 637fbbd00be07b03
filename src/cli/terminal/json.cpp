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
  // `replace`: a node's bytes need not be UTF-8, and must not end the program.
  return document.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string event_line(std::string_view event, std::chrono::nanoseconds since_start, const Json& fields) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(since_start).count();
  Json line = {{"event", event}, {"seconds", static_cast<double>(milliseconds) / 1000}};
  if (event == "begin") line["schema"] = kSchema;
  line.update(fields);
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ec2mpi::cli
