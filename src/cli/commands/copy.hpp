#pragma once
/// The options that `push` and `pull` share, and the words for their progress.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/ops/push/push.hpp"
#include "src/cli/commands/run_fleet.hpp"

namespace ec2mpi::cli {

struct CopyOptions {
  ListOptions list;
  ConnectOptions connect;
  FleetFlags fleet;
  std::vector<std::string> paths;  ///< SRC... DST

  [[nodiscard]] std::vector<std::string> sources() const { return {paths.begin(), paths.end() - 1}; }
  [[nodiscard]] const std::string& target() const { return paths.back(); }
};

/// "12.1 MB of 302 MB over the uplink · 8.1 MB/s · 35 s left"; empty before the first byte. `where` may be
/// empty.
[[nodiscard]] std::string transfer_words(std::uint64_t done, std::uint64_t expected, std::string_view where,
                                         Clock::duration elapsed);

/// The same for a push, with the bytes that nodes relay to each other, and the slowest node if it has
/// received much less than the others.
[[nodiscard]] std::string push_words(const ops::PushCount& count, Clock::duration elapsed);

using RunCopy = std::function<Result<int>(const CopyOptions&, const CommonOptions&)>;

/// Refuses an --exclude that names nodes of the list, as in other commands: it would leave out no node.
/// Errors: usage.
[[nodiscard]] Result<void> check_excluded_paths(const std::vector<std::string>& patterns,
                                                const Cluster& cluster);

/// Refuses a target that begins with a host, as scp and rsync decide it: a colon stands before the first
/// slash. `name`: push or pull. Errors: usage.
[[nodiscard]] Result<void> refuse_host_in_target(const std::string& name, const std::string& target);

/// Refuses "node2:proj/" and ":proj/", as scp and rsync write it, where node2 selects a node of the list.
/// `name`: push or pull. Errors: usage.
[[nodiscard]] Result<void> check_remote_paths(const std::string& name, const std::vector<std::string>& paths,
                                              const Cluster& cluster);

/// A line for each file that a push leaves out.
[[nodiscard]] std::vector<std::string> left_out_notes(const std::vector<ops::PushGroup>& groups);

/// `push` or `pull`.
struct CopyCommand {
  std::string name;
  std::string description;
  std::string example;
  std::string paths;  ///< the help of its paths
  RunCopy run;
};
CLI::App& add_copy_command(CLI::App& app, Dispatch& dispatch, const CopyCommand& copy);

}  // namespace ec2mpi::cli
