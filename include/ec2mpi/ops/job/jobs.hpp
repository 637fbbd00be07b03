#pragma once
/// Asking the master about its jobs, and telling it what to do with them. Each is one round trip over a
/// session; `word` is a job's id, its beginning, its name, or empty for the newest.

#include <asio/awaitable.hpp>
#include <string>
#include <vector>

#include "ec2mpi/base/limit.hpp"
#include "ec2mpi/ops/job/record.hpp"
#include "ec2mpi/ops/profile/profile.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::ops {

/// All jobs, the newest first. Errors: those of the session, remote_io.
[[nodiscard]] asio::awaitable<Result<std::vector<JobRecord>>> list_jobs(ssh::Session& session, Limit limit);

/// What the master answered in words: `said` for the user, and the exit code that fits.
struct Answer {
  int code = 0;
  std::string said;  ///< lines, safe for a terminal
};

struct FoundJob {
  JobRecord job;
  Answer refusal;                ///< its code is 0 if the job was found
  std::string kept_stacks = {};  ///< of a job that [jobs] hang has ended (ops/stacks/stacks.hpp)
};

/// A job that runs. Errors: those of the session, remote_io.
[[nodiscard]] asio::awaitable<Result<FoundJob>> find_running_job(ssh::Session& session, std::string word,
                                                                 Limit limit);

struct FoundProfile {
  JobRecord job;
  JobProfile profile;
  Answer refusal;  ///< its code is 0 if there is a profile
};

/// The profile of a job that has ended. Errors: those of the session, remote_io.
[[nodiscard]] asio::awaitable<Result<FoundProfile>> read_job_profile(ssh::Session& session, std::string word,
                                                                     Limit limit);

/// Sends a signal ("USR1") to the job's mpirun, which passes USR1, USR2, TSTP and CONT on to the ranks.
[[nodiscard]] asio::awaitable<Result<Answer>> signal_job(ssh::Session& session, std::string word,
                                                         std::string signal, Limit limit);

/// Removes the folders of jobs that have ended. With `older_than_days` above zero also all that ended so long
/// ago.
[[nodiscard]] asio::awaitable<Result<Answer>> remove_jobs(ssh::Session& session,
                                                          std::vector<std::string> words, int older_than_days,
                                                          Limit limit);

}  // namespace ec2mpi::ops
