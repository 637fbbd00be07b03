#include "ec2mpi/fleet/outcome.hpp"

#include <algorithm>

#include "ec2mpi/base/exit_code.hpp"

namespace ec2mpi {

namespace {
/// One visitor of several lambdas: a new kind of outcome does not compile without its case.
template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
}  // namespace

bool succeeded(const Outcome& outcome) {
  const auto* status = std::get_if<ssh::ExitStatus>(&outcome);
  return status != nullptr && status->ok();
}

std::string describe(const Outcome& outcome) {
  return std::visit(
      Overloaded{[](const ssh::ExitStatus& status) { return status.ok() ? "ok" : status.describe(); },
                 [](const Error& error) { return error.message; },
                 [](const NotRun& skipped) { return "not run: " + skipped.reason; }},
      outcome);
}

bool FleetReport::all_succeeded() const {
  return std::all_of(results.begin(), results.end(),
                     [](const auto& result) { return succeeded(result.outcome); });
}

int exit_code_for(const FleetReport& report) {
  // An early end counts more than a failed node: the failure may only follow from it.
  if (report.ending == Ending::interrupted) return exit_code::interrupted;
  if (report.ending == Ending::timed_out) return exit_code::timed_out;
  return report.all_succeeded() ? exit_code::ok : exit_code::node_failed;
}

int exit_code_for_one(const FleetReport& report) {
  if (report.ending == Ending::interrupted) return exit_code::interrupted;
  if (report.ending == Ending::timed_out) return exit_code::timed_out;
  const auto* status = std::get_if<ssh::ExitStatus>(&report.results.at(0).outcome);
  return status != nullptr ? status->shell_code() : exit_code::no_connection;
}

}  // namespace ec2mpi
