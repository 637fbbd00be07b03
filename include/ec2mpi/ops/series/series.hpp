#pragma once
/// A series of jobs: handed to the queue on the master, and followed until all are over. The queue needs
/// nobody to follow.

#include <asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/ops/job/run.hpp"
#include "ec2mpi/ops/series/plan.hpp"

namespace ec2mpi::ops {

/// Receives the events of a series while they happen.
class SeriesObserver : public ConnectionObserver {
 public:
  /// The nodes are asked for their facts.
  virtual void on_asking(std::size_t /*nodes*/) {}
  virtual void on_notes(const std::vector<std::string>&) {}
  /// From now on the master may have the jobs.
  virtual void on_handing_over(const std::string& /*series*/) {}
  /// All that is to be submitted has been; `kept` had succeeded before, `found` wait or run since before.
  virtual void on_submitted(const std::string& /*series*/, std::size_t /*fresh*/, std::size_t /*kept*/,
                            std::size_t /*found*/) {}
  /// The present state; also called when nothing has changed.
  virtual void on_progress(const SeriesResult&) {}
  virtual void on_cancelling() {}
  /// The master can write nothing, so jobs that wait do not start; once for each reason.
  virtual void on_trouble(const std::string& /*why*/) {}
};

struct SeriesEnd {
  enum class How {
    refused,   ///< nothing was submitted; `unfit` or `refused` says why
    over,      ///< all jobs are over
    detached,  ///< they continue
    gave_up,   ///< the master did not answer any more, or would not let us in
  };
  How how = How::refused;
  std::vector<NodeTrouble> unfit = {};
  std::optional<Error> refused = {};  ///< also for gave_up
  bool cancelled = false;             ///< by us
  std::string series = {};
  SeriesResult result = {};
  std::vector<bool> fresh =
      {};  ///< for each of the result: it was submitted, or would be with Until::planned
};

using SeriesContext = RunContext<SeriesObserver, JobStops>;

/// `stop` cancels all jobs of the series that are not over, and waits for their end, a minute and a half at
/// most. Until::planned: only finds out which jobs have to be submitted, and whether the nodes can take them,
/// and detaches. Only connect_timeout and handshakes of the options count.
[[nodiscard]] asio::awaitable<SeriesEnd> run_series(SeriesSpec series, JobNodes nodes, SeriesContext context);

/// Follows the newest series of that name. Until::handed_over: only finds its jobs, and detaches. Errors:
/// refused, if there is none.
[[nodiscard]] asio::awaitable<SeriesEnd> follow_series(std::string name, Node master, SeriesContext context);

/// 0 if all succeeded, 1 if not, 130 if we cancelled it, 255 if the connection failed, 2 if it could
/// never run.
[[nodiscard]] int exit_code_for(const SeriesEnd& end);

}  // namespace ec2mpi::ops
