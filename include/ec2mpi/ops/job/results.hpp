#pragma once
/// The results that a job's `pull` brings back after it has succeeded: one folder for each job, which
/// explains itself. Nothing in it is ever overwritten by another job.
///
///   results/ID/node1/...   the wanted paths that exist on each of the job's nodes
///   results/ID/job/...     the job's folder on the master: command, hostfile, times, output; comes last
///   results/ID/.unfinished while something is missing: when the job was handed over, so that the same job
///                          continues here

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/job/record.hpp"
#include "ec2mpi/ops/pull/pull.hpp"

namespace ec2mpi::ops {

/// Where a job's results go.
struct ResultsFolder {
  std::filesystem::path path;
  bool complete = false;  ///< they have been brought already
};

/// Below `results`: the job's own folder from an earlier time, or a new one, ID-2 if another job has had this
/// name. Makes it. Errors: local_io; protocol if the id is no file's name.
[[nodiscard]] Result<ResultsFolder> claim_results_folder(const std::filesystem::path& results,
                                                         const JobRecord& job);
/// All of it has arrived. Errors: local_io.
[[nodiscard]] Result<void> complete_results_folder(const std::filesystem::path& folder);

/// Whether all of the job's results have been brought. Makes nothing.
[[nodiscard]] bool results_are_here(const std::filesystem::path& results, const JobRecord& job);

/// Whether a job has asked for results and has any.
[[nodiscard]] bool has_results(const JobRecord& job);

/// The paths in the master's record of the job that fit none of the `pull` entries in ec2mpi.toml: a master
/// that was taken over could name any file of the other nodes. Without entries, as on another laptop, only
/// hidden files and those of the system are unexpected.
[[nodiscard]] std::vector<std::string> unexpected_paths(const JobRecord& job,
                                                        const std::vector<std::string>& entries);

/// The job's own nodes among `nodes`; those that the list does not have any more are missing.
[[nodiscard]] std::vector<Node> nodes_of_job(const JobRecord& job, const std::vector<Node>& nodes);

/// One job's results from its nodes.
struct ResultsPull {
  std::shared_ptr<PullJob> pull;
  std::vector<std::string> paths;
  std::vector<bool> found;  ///< by path: whether any node has it, once they have answered
};

/// Errors: usage, for what can't be asked for.
[[nodiscard]] Result<std::shared_ptr<ResultsPull>> plan_results(const JobRecord& job,
                                                                const std::vector<Node>& nodes,
                                                                const std::filesystem::path& folder);
/// Not every node has everything: rank 0 writes most results. What a node lacks is left out.
[[nodiscard]] NodeTask results_task(std::shared_ptr<ResultsPull> results);

/// The job's own folder, without the files that only served to run it; for the master.
[[nodiscard]] Result<std::shared_ptr<PullJob>> plan_job_folder(const JobRecord& job, const Node& master,
                                                               const std::filesystem::path& folder);

}  // namespace ec2mpi::ops
