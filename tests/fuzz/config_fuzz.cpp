// ec2mpi.toml from anywhere: no crash, and the settings that are read keep their promises.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/config.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = ec2mpi::parse_config(text, "f");
  if (!config) {
    const auto& message = config.error().message;
    require(message.starts_with("f:") && ec2mpi::printable(message) == message);
    return 0;
  }
  require(!config->port || *config->port > 0);
  require(!config->connect_timeout || *config->connect_timeout > 0);
  for (const auto& [name, job] : config->jobs) require(!job.command.empty() && !job.command.front().empty());
  return 0;
}
