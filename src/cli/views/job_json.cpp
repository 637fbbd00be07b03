#include "ec2mpi/cli/views/job_json.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace ec2mpi::cli {

/// The beginning of each stream is kept; the document has the number of the bytes that are dropped.
void KeptOutput::take(const ssh::Chunk& chunk) {
  auto& [text, dropped] = chunk.stream == ssh::Stream::out ? out_ : err_;
  const auto taken = chunk.bytes.substr(0, most_ - std::min(most_, text.size()));
  text += taken;
  dropped += chunk.bytes.size() - taken.size();
}

void KeptOutput::add_to(Json& document) const {
  document["stdout"] = out_.first;
  document["stderr"] = err_.first;
  if (const auto dropped = out_.second + err_.second; dropped > 0) document["dropped_bytes"] = dropped;
}

/// One word or two for tables: "ok", "exit 9", "timeout", "running".
std::string outcome_of(const ops::JobRecord& job) {
  if (job.state == ops::JobState::lost) return fmt::format("lost ({})", job.why);
  if (job.state != ops::JobState::ended) return std::string(state_name(job.state));
  if (!job.why.empty()) return job.why;
  return job.status == 0 ? "ok" : fmt::format("exit {}", job.status);
}

Json usage_json(const ops::NodeUsage& usage) {
  return {{"ranks", usage.ranks},     {"cpu_time", usage.cpu},  {"peak_memory", usage.peak},
          {"swapped", usage.swapped}, {"memory", usage.memory}, {"sent", usage.sent}};
}

Json job_json(const ops::JobRecord& job) {
  Json json = {{"id", job.id},
               {"state", state_name(job.state)},
               {"outcome", outcome_of(job)},
               {"why", job.why},
               {"np", job.np},
               {"nodes", job.nodes},
               {"mpi", job.mpi},
               {"command", job.command},
               {"submitted", job.submitted},
               {"started", job.started},
               {"ended", job.ended}};
  // Only the end of a job knows it.
  for (const auto& [label, swept] : job.swept)
    if (swept.usage) json["usage"][label] = usage_json(*swept.usage);
  // Before its end a job has no status: a 0 would be read as success.
  if (job.state == ops::JobState::ended) {
    json["status"] = job.status;
    json["exit_code"] = job.exit_code();
  }
  return json;
}

/// What --explain shows: each option of mpirun's line with its reason.
Json plan_json(const ops::JobPlan& plan) {
  auto options = Json::array();
  for (const auto& option : plan.line)
    options.push_back({{"words", option.words}, {"reason", option.reason}});
  return {{"ranks", total_ranks(plan.places)},
          {"mpi", plan.mpi},
          {"mpirun", ops::line_of(plan.line)},
          {"options", std::move(options)},
          {"hostfile", plan.files.hosts}};
}

}  // namespace ec2mpi::cli
