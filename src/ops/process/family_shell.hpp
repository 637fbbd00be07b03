#pragma once
/// Shell text that finds on a node what ec2mpi has started there: by a mark in the environment, and by
/// kinship with what bears it; never by a program's name.

#include <string>

namespace ec2mpi::ops {

/// POSIX sh that sets $mark and has these functions:
/// - marked: the pids whose environment holds exactly `mark` ("NAME=value"), as far as we may read it
/// (proc(5),
///   /proc/PID/environ; a zombie has none).
/// - family: the pids, one a line, of all that lives and belongs to the mark.
/// - aged_family: the same as PID:AGE, age in seconds.
///
/// $mark is never exported: a script must not carry the mark that it kills by. Two variables ask for more:
/// - seen: what aged_family said before. It is known again by number and age, whatever became of its parent.
/// - self: the pid of a shell that sshd has started. Whatever else that connection's sshd started belongs to
///   the family, but not that shell (a sudo on the way hides its environment from us).
[[nodiscard]] std::string family_functions(const std::string& mark);

}  // namespace ec2mpi::ops
