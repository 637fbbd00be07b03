#pragma once
/// The queue of jobs on the master, as POSIX sh: who starts when, and on which nodes.
///
/// No daemon keeps it. `schedule` runs to its end at each submission, at each job's end (called by its
/// supervisor) and whenever somebody looks at a series; each time it derives from the jobs' folders what is
/// going on. Under a lock, so that several jobs may end at the same moment.
///
/// A job that waits has, besides what include/ec2mpi/ops/job/shell.hpp lists:
///   queue    "EPOCH PLACE SERIES MOST NP NODES FORM": when it was submitted and its place then; its series,
///   of which at
///            most MOST run at a time (0: any number); ranks; nodes (0: as few as have room);
///            the hostfile's form ("slots" or ":")
///   pool     "LABEL ADDRESS REACH ROOM" for each node that it may run on: the private address for the
///   hostfile, the one
///            for the sweep ("local" for the master), and how many ranks have room
///   always   "LABEL REACH" of the master, which is looked at afterwards wherever the ranks were
/// and gets, when it starts, `hosts`, `nodes`, `nodeIPaddress`, and
///   placed   "LABEL" of each node with ranks
/// hosts, and with it the nodes of a job, are busy as long as its supervisor is alive.

#include <string>

namespace ec2mpi::ops {

/// The whole of ~/.ec2mpi/schedule.
[[nodiscard]] std::string schedule_script();

/// Shell text, after job_functions(): puts ~/.ec2mpi/schedule there, for the supervisors to call.
[[nodiscard]] std::string keep_schedule_text();

/// A command line that runs it.
[[nodiscard]] std::string call_schedule();

}  // namespace ec2mpi::ops
