// What a master prints about jobs: records, also out of a job's own output, processes, what a sweep found,
// series.

#include "ec2mpi/ops/job/plan.hpp"
#include "ec2mpi/ops/job/record.hpp"
#include "ec2mpi/ops/process/end_marked.hpp"
#include "ec2mpi/ops/process/ps.hpp"
#include "ec2mpi/ops/profile/profile.hpp"
#include "ec2mpi/ops/series/plan.hpp"
#include "frame.hpp"

using namespace ec2mpi::ops;
using namespace ec2mpi::fuzz;

namespace {

void read_records(std::string_view bytes) {
  const auto records = parse_job_records(bytes);
  const auto* all = value_of(records);
  if (!all) return;
  for (const auto& record : *all) {
    require_printable({record.id, record.why, record.command, record.nodes, record.mpi});
    require(record.exit_code() >= 0 && record.exit_code() <= 255);
  }
}

/// The job's own bytes come out unchanged, however the stream is cut.
void cut_record(std::string_view bytes) {
  std::string printed;
  RecordCutter cutter("nonce");
  for (std::size_t at = 0; at < bytes.size() && !cutter.complete(); at += 5)
    printed += cutter.feed(bytes.substr(at, 5));
  RecordCutter at_once("nonce");
  require(at_once.feed(bytes) == printed && at_once.complete() == cutter.complete());
  require(bytes.starts_with(printed));
  if (cutter.complete()) require(cutter.record() == at_once.record());
}

}  // namespace

EC2MPI_FUZZ(bytes) {
  switch (take_choice(bytes, 7)) {
    case 0:
      return read_records(bytes);
    case 1:
      return cut_record(bytes);
    case 2:
      return (void)value_of(parse_processes(bytes));
    case 3:
      return (void)value_of(parse_swept(bytes));
    case 4:
      return (void)parse_busy(bytes);
    case 5:
      return (void)value_of(parse_series_records(bytes));
    default:
      return (void)value_of(parse_profile(bytes, 1'700'000'000));
  }
}
