#pragma once
/// The queue of jobs on the master, as POSIX sh (src/ops/job/schedule.sh): which job starts, when, and on
/// which nodes.
///
/// No daemon keeps it. `schedule` runs to its end at each submission, at each end of a job (its supervisor
/// calls it) and at each report about a series; each time it derives the state from the folders of the jobs.
/// flock(1) serialises it, because several jobs may end at the same moment.
///
/// A job that waits has, in addition to the files that shell.hpp lists:
///   queue    "EPOCH PLACE SERIES MOST NP NODES FORM": when it was submitted and its place among those
///            submitted together; its series, and how many jobs of that run at a time (0: any number); ranks;
///            nodes (0: as few as have room); the form of the hostfile ("slots" or ":")
///   pool     "LABEL ADDRESS REACH ROOM" for each node that it may run on: the private address for the
///            hostfile, the address for the sweep ("local" for the master), and the number of ranks that fit
///   always   "LABEL REACH" of the master, which is looked at afterwards wherever the ranks were
/// and gets, when it starts, `hosts`, `nodes`, `nodeIPaddress`, and
///   placed   "LABEL" of each node with ranks
/// and may have
///   batch    a word that jobs submitted together have in common: when three of them have failed for one
///            reason, and none has ended otherwise, no more of them are started
/// The nodes in `hosts` are busy as long as the supervisor of the job is alive.

#include <string>

namespace ec2mpi::ops {

/// The whole of ~/.ec2mpi/schedule.
[[nodiscard]] std::string schedule_script();

/// Shell text that writes ~/.ec2mpi/schedule. It stands behind make_folder.sh.
[[nodiscard]] std::string keep_schedule_text();

/// A command line that runs it.
[[nodiscard]] std::string call_schedule();

}  // namespace ec2mpi::ops
