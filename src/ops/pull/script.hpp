#pragma once
/// The programs of a node during a pull, in POSIX sh. Each one's file in src/ops/pull says what it reads and
/// prints. The bytes in front of the line with the token are printed by start-up files.

#include <string>
#include <string_view>

#include "ec2mpi/ops/pull/plan.hpp"

namespace ec2mpi::ops {

struct PullProgram {
  std::string text;
  std::string input;  ///< to be written first; empty unless there are many sources
};

enum class AbsentSources { fail, wait };

/// list.sh
[[nodiscard]] PullProgram pull_list_program(const PullPlan& plan, const std::string& token,
                                            AbsentSources absent);
/// watch.sh
[[nodiscard]] PullProgram pull_watch_program(const PullPlan& plan, const std::string& token);
/// ranges.sh
[[nodiscard]] std::string pull_ranges_program(const std::string& token);
/// read_unsized.sh
[[nodiscard]] std::string read_unsized_program();

/// The program for the node; with `as_root` by sudo, which must not ask for a password.
[[nodiscard]] std::string as_reader(bool as_root, const std::string& program);

/// A path as the function decode in records.sh reads it: one line, without blanks at its end.
[[nodiscard]] std::string encode_path(std::string_view path);

}  // namespace ec2mpi::ops
