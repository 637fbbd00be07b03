#pragma once
/// The exit codes of ec2mpi. `login`, `exec` on one node and `run` pass the remote program's own status
/// through.

namespace ec2mpi::exit_code {

inline constexpr int ok = 0;             ///< every selected node succeeded
inline constexpr int node_failed = 1;    ///< a node failed, or output could not be written
inline constexpr int not_started = 2;    ///< bad flag, bad list, empty selection, missing local file
inline constexpr int bug = 70;           ///< ec2mpi itself is wrong
inline constexpr int timed_out = 124;    ///< the time limit of the whole command ended it
inline constexpr int interrupted = 130;  ///< Ctrl-C
inline constexpr int reader_gone = 141;  ///< 128 + SIGPIPE, as a shell says of `cat` in `cat big | head`
inline constexpr int no_connection =
    255;  ///< where the exit code is one node's status: the connection failed

}  // namespace ec2mpi::exit_code
