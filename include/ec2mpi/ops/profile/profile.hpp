#pragma once
/// run --profile: what each rank of a job did in MPI. A library that mpirun preloads into the ranks counts
/// their calls (src/ops/profile/shim.c). The nodes build it, and their counters come back to the job's folder
/// on the master.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/mpi_version.hpp"

namespace ec2mpi::ops {

/// One kind of call of one rank.
struct CallProfile {
  std::string name;  ///< "Allreduce"
  std::uint64_t count = 0;
  double seconds = 0;
  std::uint64_t bytes = 0;  ///< that the rank sent by it
};

/// What a rank does at the moment at which its counters were read.
struct CurrentCall {
  std::string name;  ///< empty: it computes
  double seconds = 0;
  std::optional<int> partner = {};  ///< the rank that the call names
};

struct RankProfile {
  int rank = 0;
  int size = 0;  ///< of MPI_COMM_WORLD
  int pid = 0;
  std::string node = {};  ///< label
  bool spawned = false;   ///< by MPI_Comm_spawn
  bool finalized = false;
  double seconds = 0;             ///< from MPI_Init to the end
  double in_mpi = 0;              ///< of the main thread
  std::uint64_t collectives = 0;  ///< calls of all ranks on MPI_COMM_WORLD that it has begun
  CurrentCall current = {};
  std::vector<CallProfile> calls = {};     ///< the longest time first
  std::map<int, double> waited = {};       ///< seconds in receives, by the rank that sent
  std::map<int, std::uint64_t> sent = {};  ///< bytes, by the rank they went to

  [[nodiscard]] double computing() const { return seconds > in_mpi ? seconds - in_mpi : 0; }
};

struct JobProfile {
  std::vector<RankProfile> ranks;  ///< by rank; without those that were spawned
  std::size_t spawned = 0;         ///< ranks that are left out
  std::vector<std::string> lost;   ///< labels of nodes that did not answer
};

/// Where the library and the counters of a job lie on each node; `home` is that of the login user.
[[nodiscard]] std::string profile_folder(const std::string& home, const std::string& id);
/// The library in that folder.
[[nodiscard]] std::string profile_library(const std::string& folder);

struct ProfilerSetup {
  std::string id;
  std::string folder;  ///< profile_folder()
  std::string mpirun;  ///< absolute path
  MpiVersion mpi;
};
/// The program `profiler` in the job's folder (src/ops/profile/profiler.sh).
[[nodiscard]] std::string profiler_script(const ProfilerSetup& setup);

/// Program for a node: prints the counters of the job's ranks on it and leaves them there; `id` as above.
[[nodiscard]] std::string read_counters_script(const std::string& id);

/// Reads the counters as the file `profile` has them. `ended`: when the job ended, in seconds since 1970; 0:
/// it runs. Errors: remote_io, for the text comes from machines that may be anything.
[[nodiscard]] Result<JobProfile> parse_profile(std::string_view text, std::int64_t ended);

/// One sentence about how evenly the ranks compute. It names a rank only if the others wait for it; empty if
/// there is nothing to compare.
[[nodiscard]] std::string describe_balance(const JobProfile& profile);

/// "rank 2 (node3)", "ranks 2,6 (node3)", "ranks 1-3".
[[nodiscard]] std::string name_ranks(const std::vector<const RankProfile*>& ranks);

/// Whether all ranks of a communicator take part in the call: "Barrier".
[[nodiscard]] bool is_collective(std::string_view call);

/// All kinds of calls of all ranks together, the longest time first.
[[nodiscard]] std::vector<CallProfile> sum_calls(const JobProfile& profile);

}  // namespace ec2mpi::ops
