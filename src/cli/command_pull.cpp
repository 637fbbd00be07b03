#include "ec2mpi/ops/pull.hpp"

#include "src/cli/copy.hpp"

namespace ec2mpi::cli {

namespace {

Result<int> run_pull(const CopyOptions& options, const CommonOptions& common) {
  auto cluster = open_cluster(options.list);
  if (!cluster) return std::unexpected(cluster.error());
  auto plan = ops::pull_plan(options.sources(), options.target(), cluster->nodes.size() > 1);
  if (!plan) return std::unexpected(plan.error());
  auto access = open_access(*cluster, options.connect);
  if (!access) return std::unexpected(access.error());
  Copy copy{.verb = "pull", .task = ops::pull_task(std::move(*plan)), .notes = {}};
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
