#pragma once
/// What runs on the master for a job, as POSIX sh. Nothing is installed and no daemon runs: the texts come
/// with each command, and a job's supervisor is a file in the job's folder.
///
/// ~/.ec2mpi/jobs/ID/, mode 0700, has one small file for each thing:
///   hosts, nodeIPaddress   hostfile, and the private addresses in the list's order
///   nodes                  "LABEL ADDRESS" for each node taking part; ADDRESS is "local" for the master
///   cmd, run, workdir      what is run, for people; the script that becomes it; where
///   script, script.sum     path of the user's script, empty if there is none; cksum(1) of one that lay on
///   the master limit                  seconds that it may take; missing: any meta                   "KEY
///   VALUE" lines: what a laptop shows of it pid                    "PID START BOOT" of the supervisor; all
///   three, for pids come again launcher               pid of mpirun, or of the user's script out, err what
///   the job printed out.pipe, err.pipe     through which they come, while it runs: so that it shows if they
///   could not be kept lost_output            exists if something that the job printed could not be kept
///   spare/                 room for what is written at the end, which must be had even if the disk is full
///   by then cancelled, timed_out   exist if somebody cancelled it, or its time was over rsh, links for
///   Hydra: what it starts in ssh's place; a line for each time it did ranks                  "(rank, host,
///   exe, pid) = ..." lines of Open MPI 5: which it has started why                    "cancelled" or
///   "timeout", if it did not end by itself; "hung", "daemon", "no start",
///                          "ranks missing", "aborted", if mpirun did not tell the truth about its end;
///                          "output lost"; "no room", if the disk was too full to begin
///   times                  "started EPOCH", "ended EPOCH"
///   clock                  the same two times by the machine's uptime, in hundredths of a second
///   swept/LABEL            what the last look at that node found; without its last line: why there was none
///   exit                   the exit status, on its first line; comes last, by renaming
/// The state is derived from these each time and stored nowhere.

#include <string>

namespace ec2mpi::ops {

/// Shell functions for all commands about jobs; the texts below and job_script.cpp begin with them.
[[nodiscard]] std::string job_functions();

/// The supervisor: `sh supervise FOLDER` starts the job, keeps its time limit, ends it when it gets TERM, and
/// after any end looks on all nodes that nothing is left, and lets the queue go on (queue_shell.hpp). `sh
/// supervise FOLDER clean` does the last part only; `sh supervise FOLDER look` looks again at nodes that
/// could not be looked at. The program: src/ops/job/supervise.sh.
[[nodiscard]] std::string supervisor_script(const std::string& id);

/// A command line that starts the supervisor of $id so that it outlives the connection.
[[nodiscard]] std::string start_supervisor();

/// Shell text, after job_functions(): prints the files of job $id from these bytes on until it has ended,
/// then the job's record between two lines with `nonce`, on standard error. With $once it does not wait for
/// more, with $silent only for the end; with $cancel, or when the line "cancel" comes on standard input, it
/// asks the supervisor to end the job. It ends early when the end of standard input comes: then nobody reads
/// any more.
[[nodiscard]] std::string follow_text(const std::string& nonce, std::uint64_t out_offset,
                                      std::uint64_t err_offset);

/// Shell text, after job_functions(): the record of job $id as it is now, in the same form.
[[nodiscard]] std::string tell_text(const std::string& nonce);

}  // namespace ec2mpi::ops
