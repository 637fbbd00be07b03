#include "src/cli/commands/job_push.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <filesystem>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/ops/node/placeholders.hpp"
#include "src/cli/commands/copy.hpp"

namespace ec2mpi::cli {

namespace {

/// Compares real paths: neither `..` nor a symbolic link leads out of the folder. Errors: usage.
Result<void> check_inside(const std::vector<std::string>& sources, const std::vector<Node>& nodes) {
  std::error_code ignored;
  const auto here = std::filesystem::canonical(".", ignored);
  for (const auto& source : sources) {
    // Placeholders such as {index} give each node its own path.
    for (const auto& node : nodes) {
      const auto file =
          std::filesystem::weakly_canonical(here / ops::fill_placeholders(source, node), ignored);
      // By parts of the path: /home/me/project2 does not lie in /home/me/project.
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

Result<JobPush> plan_job_push(const JobSpec& job, const Cluster& cluster, const ConnectOptions& connect,
                              bool allow_outside) {
  if (job.push.empty()) return JobPush{};
  // Settings in the user's own configuration folder did not come with a folder of somebody else.
  if (!job.of_user && !allow_outside) TRY(check_inside(job.push, cluster.nodes));
  auto groups = ops::push_groups(job.push, cluster.nodes, {.kept_back = private_files(cluster, connect)});
  if (!groups) return std::unexpected(groups.error().within("the job's push"));
  for (const auto& note : left_out_notes(*groups)) print_talk("ec2mpi: the job's push: " + note + "\n");
  ops::PushPlan plan;
  plan.groups = std::move(*groups);
  // The slash makes the target a folder, also for a single source.
  plan.target = (job.workdir.empty() ? "~" : job.workdir) + "/";
  plan.folder = true;
  plan.count = std::make_shared<ops::PushCount>();
  auto count = plan.count;
  return JobPush{ops::push_task(std::move(plan)), std::move(count)};
}

}  // namespace ec2mpi::cli
