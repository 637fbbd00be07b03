#include "src/ops/series/shell.hpp"

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/job/queue_shell.hpp"
#include "src/ops/series/programs.hpp"

namespace ec2mpi::ops {

std::string report_text(const ReportRequest& request) {
  // Without a schedule no job was ever queued, so there is no queue to restart.
  return set_variables({{"wanted", request.series},
                        {"all_runs", request.all_runs ? "yes" : ""},
                        {"outputs", request.outputs ? "yes" : ""},
                        {"after", request.after},
                        {"count", std::to_string(request.count)}}) +
         (request.after.empty() ? "[ ! -f \"$HOME/.ec2mpi/schedule\" ] || " + call_schedule() : "") +
         std::string(kReportSh);
}

std::string cancel_series_text(const std::string& series) {
  return set_variables({{"wanted", series}}) + std::string(kCancelSh);
}

}  // namespace ec2mpi::ops
