#pragma once
/// run: an MPI job over the nodes, from asking them what they are to looking that nothing of it is left.
///
/// Every node keeps one connection for the whole run: it is asked over it, and swept over it when the job has
/// ended, however it ended. What can't be swept so (the connection is lost) is swept over a new one.

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/job_plan.hpp"
#include "ec2mpi/ops/sweep.hpp"

namespace ec2mpi::ops {

enum class JobStop { interrupted, timed_out };

/// Told what happens while it happens.
class JobObserver {
 public:
  virtual ~JobObserver() = default;
  virtual void on_planned(const JobPlan&) {}
  /// The job's own bytes, as they come.
  virtual void on_output(const ssh::Chunk&) {}
  /// Before the job is ended early.
  virtual void on_stopping(JobStop) {}
  /// Returns once there is room for more output.
  [[nodiscard]] virtual asio::awaitable<void> ready(Limit) { co_return; }
};

struct NodeTrouble {
  Node node;
  Error error;
};

/// How it went. `refused` or not `launched`: no process was started.
struct JobEnd {
  bool launched = false;
  std::vector<NodeTrouble> unfit;       ///< nodes that did not answer, which is why nothing was launched
  std::optional<Error> refused;         ///< why nothing was launched otherwise
  std::optional<JobStop> stopped;       ///< ended early by us
  Result<ssh::ExitStatus> status = {};  ///< mpirun's; an error if the connection to the master was lost
  std::map<int, Swept> swept;           ///< by node index: what was left and has been ended
  std::vector<NodeTrouble> not_swept;   ///< nodes that could not be looked at afterwards
};

struct JobNodes {
  std::vector<Node> ranks;  ///< that take part, in the list's order; not empty
  Node master;              ///< where mpirun is started; may be one of them
};

/// `stop` (Ctrl-C) ends the job on all nodes before this returns; the cleaning has limits of its own, about
/// half a minute in all when nodes don't answer. Only connect_timeout of `options` counts.
[[nodiscard]] asio::awaitable<JobEnd> run_job(const asio::any_io_executor& executor, JobWish wish,
                                              JobNodes nodes, ssh::Connector& connector, FleetOptions options,
                                              JobObserver& observer, std::stop_token stop);

/// The exit code of `ec2mpi run`: the job's own status, 255, 124, 130, or 1 and 2 if nothing was launched.
[[nodiscard]] int exit_code_for(const JobEnd& end);

}  // namespace ec2mpi::ops
