#pragma once
/// What the master is asked about series: as POSIX sh, each text to stand behind job_functions(); and over a
/// connection.

#include <asio/awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "ec2mpi/ops/node/remote.hpp"
#include "ec2mpi/ops/series/plan.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::ops {

/// Reports on the jobs of a series, in the order of their ids; for parse_series_records. Without `after` it
/// restarts the queue first (a supervisor that was killed could not).
struct ReportRequest {
  std::string series;
  bool all_runs =
      false;  ///< `series` is a name, and its later runs count, too; says what each job was made of
  bool outputs = false;    ///< with the last lines of those that are over
  std::string after = {};  ///< only jobs whose ids sort behind this one
  int count = 0;           ///< at most this many
};
[[nodiscard]] std::string report_text(const ReportRequest& request);

/// Cancels all jobs of the series that are not over. Those that wait end at once; those that run are ended by
/// their supervisors.
[[nodiscard]] std::string cancel_series_text(const std::string& series);

/// Keeps one connection; after trouble the next question makes a new one. Errors: those of the session,
/// remote_io. Lives as long as each question.
class SeriesMaster {
 public:
  SeriesMaster(Node master, ssh::Connector& connector, Clock::duration connect_timeout)
      : master_(std::move(master)), connector_(connector), connect_timeout_(connect_timeout) {}

  /// One text for a shell, one answer.
  [[nodiscard]] asio::awaitable<Result<Captured>> ask(std::string text, Limit limit);

  /// All jobs that the request asks for; `count` is chosen here.
  [[nodiscard]] asio::awaitable<Result<std::vector<SeriesRecord>>> report(ReportRequest request, Limit limit);

  /// Asks the master to cancel the jobs; their ends are not awaited.
  [[nodiscard]] asio::awaitable<Result<void>> cancel(std::string series, Limit limit);

  /// Why the master can write nothing, by the last report; empty if it can.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  Node master_;
  ssh::Connector& connector_;
  Clock::duration connect_timeout_;
  std::unique_ptr<ssh::Session> session_;
  std::string trouble_;
};

}  // namespace ec2mpi::ops
