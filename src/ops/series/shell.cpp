#include "src/ops/series/shell.hpp"

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/job/queue_shell.hpp"
#include "src/ops/series/programs.hpp"

namespace ec2mpi::ops {

std::string report_text(const ReportWish& wish) {
  return set_variables({{"wanted", wish.series},
                        {"all_runs", wish.all_runs ? "yes" : ""},
                        {"outputs", wish.outputs ? "yes" : ""},
                        {"skip", std::to_string(wish.skip)},
                        {"count", std::to_string(wish.count)}}) +
         "[ ! -f \"$HOME/.ec2mpi/schedule\" ] || " + call_schedule() + std::string(kReportSh);
}

std::string cancel_series_text(const std::string& series) {
  return set_variables({{"wanted", series}}) + std::string(kCancelSh);
}

}  // namespace ec2mpi::ops
