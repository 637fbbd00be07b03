#pragma once
/// A job as JSON, for every command that shows jobs.

#include <cstdint>
#include <string>
#include <utility>

#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/ops/job/plan.hpp"
#include "ec2mpi/ops/job/record.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::cli {

/// The output of a job for its JSON document. Beyond the limit bytes are only counted: a job's output must
/// not fill our memory.
class KeptOutput {
 public:
  static constexpr std::size_t kMost = 16 << 20;

  /// `most`: bytes of each stream.
  explicit KeptOutput(std::size_t most = kMost) : most_(most) {}

  void take(const ssh::Chunk& chunk);
  [[nodiscard]] const std::string& err() const { return err_.first; }
  /// "stdout", "stderr", and "dropped_bytes" if there are some.
  void add_to(Json& document) const;

 private:
  using Kept = std::pair<std::string, std::uint64_t>;
  std::size_t most_;
  Kept out_;
  Kept err_;
};

/// "running", "ok", "exit 3", "cancelled", "lost (rebooted)".
[[nodiscard]] std::string outcome_of(const ops::JobRecord& job);

/// What a job has used on one node.
[[nodiscard]] Json usage_json(const ops::NodeUsage& usage);

[[nodiscard]] Json job_json(const ops::JobRecord& job);

/// How a job would be started.
[[nodiscard]] Json plan_json(const ops::JobPlan& plan);

}  // namespace ec2mpi::cli
