#include "ec2mpi/cli/terminal/diverted_results.hpp"

namespace ec2mpi::cli {

namespace {
bool& is_diverted() {
  static bool of_process = false;
  return of_process;
}
}  // namespace

void divert_results(bool diverted) {
  is_diverted() = diverted;
}
bool results_are_diverted() {
  return is_diverted();
}

}  // namespace ec2mpi::cli
