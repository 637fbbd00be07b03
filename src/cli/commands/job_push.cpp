#include "src/cli/commands/job_push.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <filesystem>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/placeholders.hpp"
#include "ec2mpi/ops/push/task.hpp"

namespace ec2mpi::cli {

namespace {

Result<void> check_inside(const std::vector<std::string>& sources, const std::vector<Node>& nodes) {
  std::error_code ignored;
  const auto here = std::filesystem::canonical(".", ignored);
  for (const auto& source : sources) {
    for (const auto& node : nodes) {
      const auto file =
          std::filesystem::weakly_canonical(here / ops::fill_placeholders(source, node), ignored);
      const auto [end, in_file] = std::mismatch(here.begin(), here.end(), file.begin(), file.end());
      if (end == here.end()) continue;
      return fail(
          ErrorKind::usage,
          fmt::format(
              "the job's push would send {}, which lies outside of the folder of ec2mpi.toml; if that "
              "is meant, add --allow-outside",
              printable(file.string())));
    }
  }
  return {};
}

}  // namespace

Result<JobPush> plan_job_push(const JobSpec& job, const std::vector<Node>& nodes, bool allow_outside) {
  if (job.push.empty()) return JobPush{};
  if (!job.of_user && !allow_outside) TRY(check_inside(job.push, nodes));
  auto groups = ops::push_groups(job.push, nodes, {});
  if (!groups) return std::unexpected(groups.error().within("the job's push"));
  ops::PushPlan plan;
  plan.groups = std::move(*groups);
  plan.target = (job.workdir.empty() ? "~" : job.workdir) + "/";
  plan.folder = true;
  plan.count = std::make_shared<ops::PushCount>();
  auto count = plan.count;
  return JobPush{ops::push_task(std::move(plan)), std::move(count)};
}

}  // namespace ec2mpi::cli
