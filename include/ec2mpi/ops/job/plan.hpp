#pragma once
/// Plans a job from its specification and the nodes' facts. Pure.

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/facts.hpp"
#include "ec2mpi/cluster/values/job_spec.hpp"
#include "ec2mpi/cluster/values/node.hpp"
#include "ec2mpi/ops/mpi/command.hpp"
#include "ec2mpi/ops/mpi/placement.hpp"

namespace ec2mpi::ops {

/// For a job that waits for its nodes; see queue_shell.hpp.
struct QueueFiles {
  std::string series;
  int place = 0;  ///< among those that are submitted together
  int most = 0;   ///< of the series at a time; 0 = any number
  Need need;
  int spare = 0;           ///< slots to leave free for ranks that the program spawns
  bool colons = false;     ///< the hostfile's form: ADDRESS:RANKS, else ADDRESS slots=RANKS
  std::string pool;        ///< "LABEL ADDRESS REACH ROOM" lines
  std::string batch = {};  ///< of the jobs that stop together; empty: the others' failures do not matter
  std::string always;      ///< "LABEL local"
};

/// What the client writes to the job's standard input. The job fails if it gets only a part of what was read
/// from a file or a pipe; what a person types has no end that could be missing.
enum class JobInput { none, read, typed };

/// What the master keeps of a job; see shell.hpp.
struct JobFiles {
  std::string id;
  std::optional<JobScript> script = {};
  std::string hosts;
  std::string addresses;
  std::string nodes;                               ///< "LABEL ADDRESS" lines; "local" for the master
  std::string meta;                                ///< "KEY VALUE" lines
  std::string limit;                               ///< seconds; empty = none
  std::string remote_shell;                        ///< script that starts daemons on nodes; empty: none
  std::string workdir;                             ///< absolute
  std::map<std::string, std::string> environment;  ///< for the launcher or the script
  std::vector<std::string> command;                ///< all words of the line; for a script its arguments
  std::string own_python = {};  ///< the user's python, of which it is not known whether it has mpi4py
  std::string settle = {};      ///< shell text between the line and its start
  std::vector<std::string> as_it_is = {};  ///< the line to run instead if own_python has no mpi4py
  JobInput input = JobInput::none;
  std::string hook = {};      ///< shell text for when it is over; empty: none
  std::string profiler = {};  ///< program that prepares the profile and collects it; empty: none
  std::string hang = {};      ///< seconds without output after which it is ended; empty: none
  std::string stacks = {};    ///< program that shows what the ranks on a node do; empty without `hang`
  std::optional<QueueFiles> queue = {};  ///< it waits; hosts, addresses and nodes come later
};

/// By private address: the jobs that run on a node.
using BusyNodes = std::map<Ipv4, std::vector<std::string>>;

/// Reads what list_busy of src/ops/job/functions.sh prints; other lines are left out.
[[nodiscard]] BusyNodes parse_busy(std::string_view printed);

struct JobPlan {
  std::vector<Place> places;       ///< of the nodes that take part
  std::string mpi;                 ///< "Open MPI 4.1.4"; empty for a script
  std::vector<MpiOption> line;     ///< the mpirun line; empty for a script
  JobFiles files;                  ///< for job_text
  bool python3 = false;            ///< every node has one
  std::vector<std::string> notes;  ///< what the user should know before it starts
};

/// A job's name as its id has it, with "-" for all letters that a shell may mind, and "u" with a checksum for
/// letters beyond ASCII in a row, so that names in other scripts differ; also of a word that means a job.
[[nodiscard]] std::string job_word(std::string_view name);

/// "spread-20261122-204501-3f2a": readable, sorts by time, free of anything a shell would mind. `name` may be
/// any text.
[[nodiscard]] std::string make_job_id(std::string_view name, std::chrono::system_clock::time_point now);

/// `nodes` take part; the job starts on `master`, which need not be one of them. `facts` are by node index
/// and hold all of these. Errors: usage (it can't be met), remote_io (a node lacks what it takes).
[[nodiscard]] Result<JobPlan> plan_job(const JobSpec& job, const std::vector<Node>& nodes, const Node& master,
                                       const std::map<int, NodeFacts>& facts, const BusyNodes& busy = {});

}  // namespace ec2mpi::ops
