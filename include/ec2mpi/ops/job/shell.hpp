#pragma once
/// The programs that run on the master for a job, as POSIX sh. Nothing is installed and no daemon runs: each
/// command brings its program along, and the supervisor of a job is a file in the job's folder.
///
/// ~/.ec2mpi/jobs/ID/, mode 0700, has one small file for each thing:
///   hosts, nodeIPaddress   the hostfile; the private addresses in the list's order
///   nodes                  "LABEL ADDRESS" for each node that takes part; ADDRESS is "local" for the master
///   cmd, workdir           the command as people read it; the folder in which it runs
///   run                    the shell script that becomes the command
///   environment            the user's variables at the time of the submission, for `run` and the hook
///   script, script.sum     path of the user's script, empty if there is none; cksum(1) of one on the
///                          master
///   limit                  the time limit in seconds; missing: none
///   made                   "UPTIME BOOT" at the submission
///   meta                   "KEY VALUE" lines for the job lists of a laptop
///   pid                    "PID START BOOT" of the supervisor; all three, because pids are used again
///   launcher               pid of mpirun, or of the user's script
///   out, err               the output of the job
///   out.pipe, err.pipe     the pipes through which the output goes while the job runs, so that the
///                          supervisor sees when a disk is full
///   lost_output            exists if some output could not be kept
///   spare/                 files that reserve room for the last words of a job whose disk is full by then
///   hang, look, stacks     the seconds of [jobs] hang; the program that looks at the ranks of a node; its
///                          answers
///   cancelled, timed_out   exist if somebody cancelled the job, or its time limit was reached
///   rsh, links             the program that a launcher starts instead of ssh (src/ops/mpi/rsh.sh); a line
///                          for each time that MPICH did
///   sampler                starts the counting of what the job uses on a node (ops/process/usage.hpp)
///   ranks                  "(rank, host, exe, pid) = ..." lines of Open MPI 5: the ranks that it has started
///   profiler, profile      the program of run --profile, and the counters of its ranks
///   unprepared             exists if a node could not take part in that, so that no rank was started
///   why                    "cancelled" or "timeout", if the job did not end by itself; "hung", "daemon",
///                          "no start", "no ranks", "no connection", "hang", "ranks missing", "aborted",
///                          "mpirun killed", "mpirun ended", if the status of mpirun does not show what
///                          happened; "output lost"; "input lost"; "no room", if the disk was too full
///   input, input.begun     the client writes the job's standard input; it has begun to
///   input.whole, input.cut it has sent all of it; the connection was lost before that
///   in.pipe                that input, while the job runs
///   reason                 of a failed job: a line that jobs with the same fault have in common
///   hook, hook.log         the command of [hooks] done, and its output
///   sizes                  "EPOCH OUT ERR": the sizes of both streams at that time
///   times                  "submitted EPOCH", "started EPOCH", "ended EPOCH"
///   clock                  start and end by the machine's uptime, in hundredths of a second
///   swept/LABEL            the answer of the last look at that node; without its last line: the reason
///   exit                   the exit status, on its first line; it comes last, by renaming
/// The state is derived from these files each time and stored nowhere.

#include <cstdint>
#include <string>

namespace ec2mpi::ops {

/// src/ops/job/functions.sh, for all commands about jobs; the texts below begin with it.
[[nodiscard]] std::string job_functions();

/// The supervisor (src/ops/job/supervise.sh): `sh supervise FOLDER` starts the job, keeps its time limit,
/// ends it on TERM, looks after its end on all nodes that nothing is left, and runs the queue
/// (queue_shell.hpp). `sh supervise FOLDER clean` does the last part only; `sh supervise FOLDER look` looks
/// again at nodes that could not be looked at. It stands behind sweep_functions() of ops/process.
[[nodiscard]] std::string supervisor_script();

/// A command line that starts the supervisor of $id so that it outlives the connection.
[[nodiscard]] std::string start_supervisor();

/// src/ops/job/follow.sh, filled in; it stands behind job_functions().
[[nodiscard]] std::string follow_text(const std::string& nonce, std::uint64_t out_offset,
                                      std::uint64_t err_offset);

/// Shell text, behind job_functions(): the record of job $id as it is now, in the form of follow.sh.
[[nodiscard]] std::string report_text(const std::string& nonce);

}  // namespace ec2mpi::ops
