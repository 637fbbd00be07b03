#pragma once
/// The jobs and series that commands in this folder have seen last, in .ec2mpi/jobs: for completion, for
/// `pull` and for `ec2mpi` alone. The file has a line "ID" or "ID ended OUTCOME" for each, the newest first.

#include <string>
#include <vector>

#include "ec2mpi/cli/session/cluster_setup.hpp"

namespace ec2mpi::cli {

struct SeenJob {
  std::string id;
  bool ended = false;
  std::string outcome = {};  ///< of an ended one, for people: "ok"
};

[[nodiscard]] std::vector<SeenJob> recall_jobs(const StateFolder& state);
/// Replaces all others.
void remember_jobs(const Cluster& cluster, const std::vector<SeenJob>& jobs);
/// Replaces the entry with this id; a new one goes to the front.
void remember_seen(const Cluster& cluster, SeenJob job);

}  // namespace ec2mpi::cli
