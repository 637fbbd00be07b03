#include "ec2mpi/cli/session/job_memory.hpp"

#include <algorithm>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::cli {

namespace {

/// A file of the state folder; a line is "ID", "ID ended" or "ID ended OUTCOME", the newest job first.
constexpr const char* kSeenJobs = "jobs";
constexpr std::size_t kMostSeenJobs = 200;  ///< more would only make a long list to choose from

}  // namespace

std::vector<SeenJob> recall_jobs(const StateFolder& state) {
  const auto kept = state.read(kSeenJobs);
  const auto text = kept ? kept->value_or("") : std::string();
  std::vector<SeenJob> jobs;
  for (const auto line : split(text, '\n')) {
    const auto [id, rest] = first_word(line);
    const auto [ended, outcome] = first_word(rest);
    if (!id.empty()) jobs.push_back({printable(id), !ended.empty(), printable(outcome)});
  }
  return jobs;
}

void remember_jobs(const Cluster& cluster, const std::vector<SeenJob>& jobs) {
  std::string text;
  for (std::size_t i = 0; i < jobs.size() && i < kMostSeenJobs; ++i) {
    text += jobs[i].id;
    if (jobs[i].ended) text += " ended";
    if (jobs[i].ended && !jobs[i].outcome.empty()) text += " " + jobs[i].outcome;
    text += '\n';
  }
  [[maybe_unused]] const auto kept = cluster.state.write(kSeenJobs, text);  // a convenience only
}

void remember_seen(const Cluster& cluster, SeenJob job) {
  auto jobs = recall_jobs(cluster.state);
  const auto known = std::ranges::find(jobs, job.id, &SeenJob::id);
  if (known == jobs.end())
    jobs.insert(jobs.begin(), std::move(job));
  else
    *known = std::move(job);
  remember_jobs(cluster, jobs);
}

}  // namespace ec2mpi::cli
