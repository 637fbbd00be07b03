#include "src/cli/commands/left_out.hpp"

#include <fmt/format.h>

#include "ec2mpi/cli/terminal/standard_output.hpp"

namespace ec2mpi::cli {

void tell_left_out(const Inventory& inventory) {
  for (const auto& skipped : inventory.skipped) {
    const auto& title = skipped.instance_id.empty() ? skipped.name : skipped.instance_id;
    print_talk(fmt::format("ec2mpi: {}:{}: {} is left out: {}\n", inventory.source, skipped.line,
                           title.empty() ? "a machine" : title, skipped.state));
  }
}

}  // namespace ec2mpi::cli
