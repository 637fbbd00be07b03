#include "src/ops/series/master.hpp"

#include <algorithm>
#include <iterator>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/job/queue_shell.hpp"
#include "ec2mpi/ops/job/shell.hpp"
#include "src/ops/series/programs.hpp"

namespace ec2mpi::ops {

namespace {

constexpr auto kAnswer = std::chrono::seconds(30);
/// Jobs that fit into one answer: capture() takes 1 MiB, and report.sh gives 1,500 bytes of each output at
/// most.
constexpr int kReportedAtOnce = 1000;
constexpr int kOutputsAtOnce = 300;

/// In braces, so sh reads all of the text before it runs any of it.
std::string whole(const std::string& text) {
  return "{\n" + job_functions() + text + "}\n";
}

}  // namespace

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

asio::awaitable<Result<Captured>> SeriesMaster::ask(std::string text, Limit limit) {
  if (session_ == nullptr) {
    const auto connecting = limit.at_most(connect_timeout_);
    CO_TRY_AS(session, co_await connector_.connect(master_, connecting, [](ssh::Phase) {}));
    session_ = std::move(*session);
  }
  // The queue that the text may start runs programs of the user, so it gets their environment.
  auto answer = co_await capture(*session_, "exec sh -s", limit, std::move(text), Environment::of_the_user);
  if (!answer) session_.reset();
  co_return answer;
}

/// Asks for a portion at a time. One that is not full is the last.
asio::awaitable<Result<std::vector<SeriesRecord>>> SeriesMaster::report(ReportRequest request, Limit limit) {
  std::vector<SeriesRecord> all;
  request.count = request.outputs ? kOutputsAtOnce : kReportedAtOnce;
  trouble_.clear();
  for (;;) {
    auto text = whole(report_text(request));
    // The time for a connection is added, because ask() may have to make one.
    const auto patience = limit.at_most(kAnswer + connect_timeout_);
    CO_TRY_AS(answer, co_await ask(std::move(text), patience));
    if (trouble_.empty()) trouble_ = trouble_in_report(answer->out);
    auto records = parse_series_records(answer->out);
    if (!records) co_return std::unexpected(records.error());
    const bool last = records->size() < static_cast<std::size_t>(request.count);
    std::ranges::move(*records, std::back_inserter(all));
    // A master that repeats itself must not hold us for ever.
    if (last || all.back().job.id <= request.after) co_return all;
    request.after = all.back().job.id;
  }
}

asio::awaitable<Result<void>> SeriesMaster::cancel(std::string series, Limit limit) {
  auto text = whole(cancel_series_text(series));
  const auto patience = limit.at_most(kAnswer);
  CO_TRY(co_await ask(std::move(text), patience));
  co_return Result<void>{};
}

}  // namespace ec2mpi::ops
