#pragma once
/// Following a job on the master until it ends: over one connection after the other, if need be.
///
/// The job does not depend on anybody following. A connection that is lost is made again, with growing
/// pauses, and the output continues at the byte where it stopped.

#include <asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/job/connection.hpp"
#include "ec2mpi/ops/job/record.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"

namespace ec2mpi::ops {

enum class JobStop { interrupted, timed_out };

/// Receives the events of a job while they happen.
class FollowObserver : public ConnectionObserver {
 public:
  /// The master has found the job that was meant; `over`: nothing of it runs any more. Called over each
  /// connection.
  virtual void on_found(const std::string& /*id*/, bool /*over*/) {}
  /// The job's own bytes, as they come.
  virtual void on_output(const ssh::Chunk&) {}
  /// Called before the job is ended early because this command wants it.
  virtual void on_stopping(JobStop) {}
  /// Returns once there is room for more output.
  [[nodiscard]] virtual asio::awaitable<void> ready(Limit) { co_return; }
};

struct FollowRequest {
  Node master;
  std::string word;  ///< a job's id, or what find_job takes for one
  bool unended =
      false;  ///< without a word the newest that has not ended is meant, and one that has is refused
  std::stop_token stop;             ///< Ctrl-C
  std::stop_token detach;           ///< leaves the job alone
  bool cancels = true;              ///< `stop` cancels the job; else it only ends the following
  bool output = true;               ///< false: wait for the end only
  bool lasting = true;              ///< false: what there is now, not waiting for more
  std::chrono::seconds since = {};  ///< only output of this time; 0 = from the beginning
  int last_lines = 0;               ///< of each stream; 0 = from the beginning
  bool takes_series = false;        ///< the name of a series is refused in silence, see Followed::is_series
  Clock::duration connect_timeout = std::chrono::seconds(10);
  Clock::duration patience = {};  ///< stop trying to reach the master after this time; zero means never
  /// For the master to say which job it has, over each connection.
  Clock::duration first_report = std::chrono::seconds(30);
  /// After a lost connection, for a master that has not yet said that it has the job.
  Clock::duration start_patience = std::chrono::seconds(60);
};

struct Followed {
  enum class How {
    ended,     ///< the job has; or, if not lasting, we have all there is
    detached,  ///< the job continues
    refused,   ///< the master says why on standard error: no such job
    gave_up,   ///< the master did not answer any more, or would not let us in
  };
  How how = How::gave_up;
  JobRecord record = {};                ///< for ended
  ssh::ExitStatus refusal = {};         ///< for refused
  std::optional<Error> error = {};      ///< for gave_up
  std::optional<JobStop> stopped = {};  ///< what we asked for
  bool found = false;                   ///< the master has said that it has the job

  /// The word is the name of a series, and not of a job.
  [[nodiscard]] bool is_series() const { return how == How::refused && refusal.code == 3; }
};

/// Follows from the beginning. If the first connection fails, that is the end: gave_up.
[[nodiscard]] asio::awaitable<Followed> follow_job(FollowRequest request, ssh::Connector& connector,
                                                   FollowObserver& observer);

/// A channel over which the follow text has been started already, with `nonce`.
struct StartedFollower {
  ssh::Session& session;
  std::unique_ptr<ProgramChannel> channel;
  std::string nonce;
};
/// The same over that channel, as long as its connection holds.
[[nodiscard]] asio::awaitable<Followed> follow_started(FollowRequest request, ssh::Connector& connector,
                                                       FollowObserver& observer, StartedFollower started);

/// A random word that no job can guess.
[[nodiscard]] std::string make_nonce();

}  // namespace ec2mpi::ops
