#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/push.hpp"
#include "src/cli/copy.hpp"

namespace ec2mpi::cli {

namespace {

Result<int> run_push(const CopyOptions& options, const CommonOptions& common) {
  auto target = ops::push_target(options.target(), options.sources().size());
  if (!target) return std::unexpected(target.error());
  auto tree = ops::scan_sources(options.sources());
  if (!tree) return std::unexpected(tree.error());
  auto cluster = open_cluster(options.list);
  if (!cluster) return std::unexpected(cluster.error());
  auto access = open_access(*cluster, options.connect);
  if (!access) return std::unexpected(access.error());
  Copy copy{.verb = "push", .task = {}, .notes = {}};
  for (const auto& path : tree->skipped) {
    copy.notes.push_back(fmt::format("skipped {}: it is a device, pipe or socket", printable(path)));
  }
  copy.task = ops::push_task(std::make_shared<const ops::SourceTree>(std::move(*tree)), std::move(*target));
  return carry_out(options, common, *cluster, *access, std::move(copy));
}

}  // namespace

void add_push_command(CLI::App& app, Dispatch& dispatch) {
  add_copy_command(
      app, dispatch, "push", "Copies files and folders to the chosen nodes, to all at once",
      "ec2mpi push train.py data proj/          into ~/proj on every node\n"
      "  ec2mpi push -w workers a.conf b.conf      under a new name",
      "What is here, and where it goes on the nodes: into DST if that is a folder there, ends in / or has to "
      "take "
      "several SRC; else DST is the new name. What is relative lies in the login folder. Files replace files "
      "of the "
      "same name when they have arrived whole",
      run_push);
}

}  // namespace ec2mpi::cli
