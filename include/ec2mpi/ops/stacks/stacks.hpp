#pragma once
/// What all ranks of a job do now: where their main threads are, and in which call of MPI. Ranks that do the
/// same form a group, so that the one that differs shows.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/profile/profile.hpp"

namespace ec2mpi::ops {

struct RankStack {
  int rank = 0;
  int pid = 0;
  std::string node = {};                 ///< label
  char state = '?';                      ///< as proc(5) has it
  int percent = 0;                       ///< of a processor, just before
  std::string kernel_place = {};         ///< where it waits in the kernel; may be empty
  std::string tried = {};                ///< the last tool that was there to read the frames; empty: none
  std::string tool = {};                 ///< that read the frames: py-spy, gdb, eu-stack; empty: none could
  std::vector<std::string> frames = {};  ///< the innermost first
  std::optional<RankProfile> counters = {};  ///< of a job that was started with --profile
};

struct NodeStacks {
  std::vector<RankStack> ranks;
  bool barred = false;  ///< the user may not look into processes
};

/// Reads the answer of src/ops/stacks/stacks.sh, and behind it the counters. Errors: remote_io.
[[nodiscard]] Result<NodeStacks> parse_stacks(std::string_view printed, const std::string& node);

/// Shell text that prints that answer of the node on which it runs.
[[nodiscard]] std::string stacks_script(const std::string& id);

/// The answers of all nodes, as the supervisor of a job keeps them: a line "node LABEL" in front of each. A
/// node that has not answered in full is left out.
[[nodiscard]] std::map<int, NodeStacks> parse_kept_stacks(std::string_view text);

/// Looks at the ranks of the job on a node; leaves them by the node's index. No process stays stopped or
/// attached.
[[nodiscard]] NodeTask stacks_task(std::string id, std::map<int, NodeStacks>& found);

/// Ranks that do the same.
struct StackGroup {
  std::vector<const RankStack*> ranks;  ///< by rank
  std::vector<std::string> lines;       ///< the call of MPI, then the functions, the innermost first
};

/// The biggest group first. `ranks` must outlive the groups.
[[nodiscard]] std::vector<StackGroup> group_stacks(const std::vector<RankStack>& ranks);

/// One sentence about the ranks for which the others wait in a call of all ranks, or nothing. It needs
/// counters, or the functions of the ranks.
[[nodiscard]] std::string describe_missing(const std::vector<RankStack>& ranks);

/// What would show more: a line, or nothing.
[[nodiscard]] std::string more_advice(const std::vector<RankStack>& ranks, bool barred);

}  // namespace ec2mpi::ops
