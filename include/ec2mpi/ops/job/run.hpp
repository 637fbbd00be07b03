#pragma once
/// run: an MPI job over the nodes, from asking the nodes for their facts to checking that no process of it is
/// left.
///
/// All nodes are asked at once. Then the job is handed to its supervisor on the master, which starts it, ends
/// it and looks on all nodes afterwards that nothing is left, whether anybody is there or not. If the master
/// cannot report that check, ec2mpi checks the nodes itself.

#include <asio/awaitable.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/job/follow.hpp"
#include "ec2mpi/ops/job/plan.hpp"
#include "ec2mpi/ops/process/sweep.hpp"

namespace ec2mpi::ops {

/// Receives the events of a job while they happen.
class JobObserver : public FollowObserver {
 public:
  virtual void on_planned(const JobPlan&) {}
};

/// Where the standard input of a job comes from.
class InputSource {
 public:
  virtual ~InputSource() = default;
  /// The next bytes, valid until the next read; nothing at the end.
  [[nodiscard]] virtual asio::awaitable<Result<std::optional<std::string_view>>> read(Limit limit) = 0;
  /// A person types it: its end may be missing, and the job does not fail then.
  [[nodiscard]] virtual bool is_typed() const = 0;
};

struct NodeTrouble {
  Node node;
  Error error;
};
/// Of a node whose outcome is not a success.
[[nodiscard]] NodeTrouble trouble_of(const NodeResult& result);

/// How it went. Without `followed` no process was started.
struct JobEnd {
  FleetReport asked;                 ///< what became of the nodes until the job was started
  std::vector<NodeTrouble> unfit;    ///< nodes that did not answer, which is why nothing was launched
  std::optional<Error> refused;      ///< why nothing was launched otherwise
  std::optional<Followed> followed;  ///< of the job that was launched
  std::map<int, Swept> swept;        ///< by node index: what we found ourselves where the master did not look
  std::vector<NodeTrouble> not_swept;  ///< nodes that could not be looked at afterwards
};

struct JobNodes {
  std::vector<Node> ranks;  ///< the nodes that take part, in the list's order; not empty
  Node master;              ///< where mpirun is started; may be one of them
  NodeTask prepare = {};    ///< done on each node before the job starts, over the same connection: its push

  /// All nodes that are talked to: also a master that takes no ranks.
  [[nodiscard]] std::vector<Node> contacts() const;
};

/// When run_job returns, at the latest.
enum class Until { planned, handed_over, ended };

struct JobStops {
  std::stop_token stop;        ///< Ctrl-C: ends the job on all nodes before run_job returns; a minute at most
  std::stop_token detach;      ///< leaves the job to its supervisor
  Until until = Until::ended;  ///< planned: nothing is started; handed_over: as if it were detached then
};

using JobContext = RunContext<JobObserver, JobStops>;

/// Only connect_timeout of the options counts. The bytes of `input` reach rank 0 until the connection is
/// lost.
[[nodiscard]] asio::awaitable<JobEnd> run_job(JobSpec job, JobNodes nodes, JobContext context,
                                              InputSource* input = nullptr);

/// The exit code of `ec2mpi run`: the job's own status, 255, 124, 130, or 1 and 2 if nothing was launched.
/// 0 when the job was left running.
[[nodiscard]] int exit_code_for(const JobEnd& end);
/// The same where nothing was started because of these nodes, or of this refusal.
[[nodiscard]] int refusal_exit_code(const std::vector<NodeTrouble>& unfit,
                                    const std::optional<Error>& refused);
/// The same for a caller that only follows.
[[nodiscard]] int exit_code_for(const Followed& followed);

}  // namespace ec2mpi::ops
