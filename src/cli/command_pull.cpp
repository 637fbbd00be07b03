#include "ec2mpi/ops/pull.hpp"

#include <algorithm>
#include <memory>

#include "src/cli/copy.hpp"

namespace ec2mpi::cli {

namespace {

constexpr std::size_t kStreamsInAll = 8;
constexpr std::size_t kStreamsToANode = 4;

Result<int> run_pull(const CopyOptions& options, const CommonOptions& common) {
  auto cluster = open_cluster(options.list);
  if (!cluster) return std::unexpected(cluster.error());
  const auto layout = ops::pull_layout(options.target(), cluster->nodes.size(), false);
  auto job = std::make_shared<ops::PullJob>();
  for (const auto& node : cluster->nodes) {
    auto plan = ops::pull_plan(options.sources(), options.target(), node, layout);
    if (!plan) return std::unexpected(plan.error());
    job->plans.emplace(node.index, std::move(*plan));
  }
  job->options.streams = std::clamp(kStreamsInAll / cluster->nodes.size(), std::size_t{1}, kStreamsToANode);
  auto access = open_access(*cluster, options.connect);
  if (!access) return std::unexpected(access.error());
  Copy copy{.verb = "pull", .task = ops::pull_task(job), .notes = {}};
  return carry_out(options, common, *cluster, *access, std::move(copy));
}

}  // namespace

void add_pull_command(CLI::App& app, Dispatch& dispatch) {
  add_copy_command(
      app, dispatch, "pull", "Copies files and folders from the chosen nodes, from all at once",
      "ec2mpi pull results/ out/                 out/node1/results, out/node2/results, ...\n"
      "  ec2mpi pull -w master log.txt today.txt   from one node: as scp does",
      "What is on the nodes, and where it goes here: from several nodes into DST/node1, DST/node2, ...; from "
      "one into "
      "DST if that is a folder, ends in / or has to take several SRC; else DST is the new name",
      run_pull);
}

}  // namespace ec2mpi::cli
