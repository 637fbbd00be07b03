#include "ec2mpi/ops/job/shell.hpp"

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "ec2mpi/ops/process/sweep.hpp"
#include "src/ops/job/programs.hpp"

namespace ec2mpi::ops {

std::string job_functions() {
  return std::string(own_tools_text()).append(kFunctionsSh);
}

std::string supervisor_script() {
  return std::string("end_launchers() (\n" + end_launchers_text() + ")\n")
      .append(find_swift_text())
      .append(kWatchLauncherSh)
      .append(kLookAtNodesSh)
      .append(kJudgeEndSh)
      .append(kSuperviseSh);
}

std::string start_supervisor() {
  // setsid: the end of the connection must not reach the supervisor.
  return "setsid sh \"$jobs/$id/supervise\" \"$jobs/$id\" </dev/null >/dev/null 2>&1 &\n";
}

std::string follow_text(const std::string& nonce, std::uint64_t out_offset, std::uint64_t err_offset) {
  return set_variables({{"nonce", nonce},
                        {"from_out", std::to_string(out_offset)},
                        {"from_err", std::to_string(err_offset)}}) +
         std::string(kFollowSh);
}

std::string report_text(const std::string& nonce) {
  return set_variables({{"nonce", nonce}}) + "introduce\nreport_job\n";
}

}  // namespace ec2mpi::ops
