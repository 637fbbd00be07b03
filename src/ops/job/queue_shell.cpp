#include "ec2mpi/ops/job/queue_shell.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/job/shell.hpp"
#include "src/ops/job/programs.hpp"

namespace ec2mpi::ops {

/// In braces: a text that was cut off does nothing.
std::string schedule_script() {
  return fmt::format("{{\n{}{}}}\n", job_functions(), kScheduleSh);
}

std::string keep_schedule_text() {
  return "keep_schedule " + quote_word(schedule_script()) + "\n";
}

std::string call_schedule() {
  return "sh \"$HOME/.ec2mpi/schedule\" </dev/null >/dev/null 2>&1\n";
}

}  // namespace ec2mpi::ops
