#include "src/cli/commands/damaged_jobs.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/exit_code.hpp"

namespace ec2mpi::cli {

namespace {

/// `record` of src/ops/job/functions.sh writes it in front of the name of the file.
constexpr std::string_view kDamaged = "damaged ";

}  // namespace

bool is_damaged(const ops::JobRecord& job) {
  return job.why.starts_with(kDamaged);
}

int tell_damaged_jobs(CommandContext& context, const std::vector<ops::JobRecord>& jobs) {
  int code = exit_code::ok;
  for (const auto& job : jobs) {
    if (!is_damaged(job)) continue;
    context.console().talk(fmt::format(
        "ec2mpi: the record of {0} is damaged: its {1} cannot be read; ec2mpi rm {0} removes the job", job.id,
        job.why.substr(kDamaged.size())));
    code = exit_code::node_failed;
  }
  return code;
}

}  // namespace ec2mpi::cli
