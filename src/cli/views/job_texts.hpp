#pragma once
/// The sentences about one job that need no state of its view. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/ops/job/follow.hpp"
#include "ec2mpi/ops/job/plan.hpp"
#include "ec2mpi/ops/mpi/placement.hpp"
#include "ec2mpi/ops/process/end_marked.hpp"

namespace ec2mpi::cli {

/// "8 ranks on 4 nodes", with how they are spread where that isn't even. A user's script starts as many ranks
/// as it likes: for it they are slots.
[[nodiscard]] std::string placement_text(const std::vector<Place>& places, const char* unit);

/// How the job would be started, for --explain: a line for a shell, each option with its reason, the
/// hostfile.
[[nodiscard]] std::string plan_text(const ops::JobPlan& plan);

/// "pid 7 python3, pid 9 ring, …"
[[nodiscard]] std::string process_text(const std::vector<ops::Process>& processes);

[[nodiscard]] std::string stopping_text(ops::JobStop why, const std::string& id);

/// Why a job has failed.
struct EndText {
  std::string text;
  std::string advice;  ///< the next step; may be empty
};
/// `why` is the word that supervise.sh writes. Nothing for words that say nothing by themselves.
[[nodiscard]] std::optional<EndText> end_text(std::string_view why, const std::string& id);

/// The job has failed because not all of its output was kept, or not all of its input arrived; else empty.
/// `why` as in end_text.
[[nodiscard]] std::string lost_bytes_text(std::string_view why, const std::string& id);

/// The state "lost": the supervisor's record has no end of the job. `cleaned`: a later one has ended its
/// rest.
[[nodiscard]] std::string lost_job_text(const std::string& id, std::string_view why, bool cleaned);

/// The connection was lost before the master said that it has the job.
[[nodiscard]] std::string unknown_start_text(const std::string& id);

}  // namespace ec2mpi::cli
