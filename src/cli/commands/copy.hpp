#pragma once
/// What `push` and `pull` have in common on the command line: their options, and how a copy is carried out.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/limit.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/views/exec_output.hpp"
#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/push/push.hpp"

namespace ec2mpi::cli {

struct CopyOptions {
  ListOptions list;
  ConnectOptions connect;
  FleetFlags fleet;
  std::vector<std::string> paths;  ///< SRC... DST

  [[nodiscard]] std::vector<std::string> sources() const { return {paths.begin(), paths.end() - 1}; }
  [[nodiscard]] const std::string& target() const { return paths.back(); }
};

/// What is the same for both directions.
struct Copy {
  std::string verb;
  NodeTask task;
  std::vector<std::string> notes;                          ///< said before the summary
  std::function<std::vector<std::string>()> remarks = {};  ///< the same, known only then
  std::function<std::string()> detail = {};                ///< how much was copied, for the last line
  std::function<std::string()> progress = {};              ///< for the line while it runs; else `detail`
  /// Another form than live lines.
  std::function<std::unique_ptr<ExecOutput>(Console&)> output = {};
};

/// "12.1 MB of 302 MB over the uplink · 8.1 MB/s · 35 s left"; empty before the first byte. `where` may be
/// empty.
[[nodiscard]] std::string transfer_words(std::uint64_t done, std::uint64_t expected, std::string_view where,
                                         Clock::duration elapsed);

/// The same for a push, with what nodes pass on to each other, and the node that has least if that is much
/// less.
[[nodiscard]] std::string push_words(const ops::PushCount& count, Clock::duration elapsed);

int carry_out(const CopyOptions& options, const CommonOptions& common, Cluster& cluster, Access& access,
              Copy copy);

using RunCopy = std::function<Result<int>(const CopyOptions&, const CommonOptions&)>;

/// Adds `push` or `pull`; `paths` is the help of its paths.
CLI::App& add_copy_command(CLI::App& app, Dispatch& dispatch, const std::string& name,
                           const std::string& description, const std::string& example,
                           const std::string& paths, RunCopy run);

}  // namespace ec2mpi::cli
