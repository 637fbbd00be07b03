#include "ec2mpi/ops/watch/watch.hpp"

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "src/ops/watch/programs.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::string_view kEnd = "\nec2mpi-load end\n";
constexpr std::size_t kLongestAnswer = 4 << 20;  // 1,000 ranks take 100 KB

/// A channel to load.sh, and the bytes that were read behind the last answer.
struct Reporter {
  ssh::Channel& channel;
  std::string unread = {};
};

/// Reads to the end of one answer.
asio::awaitable<Result<std::string>> read_answer(Reporter& reporter, Limit limit) {
  auto& unread = reporter.unread;
  for (;;) {
    if (const auto end = unread.find(kEnd); end != std::string::npos) {
      auto answer = unread.substr(0, end);
      unread.erase(0, end + kEnd.size());
      co_return answer;
    }
    if (unread.size() > kLongestAnswer)
      co_return fail(ErrorKind::remote_io, "its report of its load has no end");
    CO_TRY_AS(chunk, co_await reporter.channel.read(limit));
    if (!*chunk) co_return fail(ErrorKind::remote_io, "the program that reports its load has ended");
    // Standard error is not part of the answer.
    if ((*chunk)->stream == ssh::Stream::out) unread += (*chunk)->bytes;
  }
}

asio::awaitable<Result<LoadSample>> look(Reporter& reporter, Limit limit) {
  CO_TRY(co_await reporter.channel.write("look\n", limit));
  CO_TRY_AS(answer, co_await read_answer(reporter, limit));
  co_return parse_load(*answer);
}

asio::awaitable<Result<ssh::ExitStatus>> watch(NodeRun run, WatchPlan plan, SampleSink sink) {
  ssh::Request request{.command = std::string(kLoadSh)};
  const auto patience = run.limit.at_most(plan.patience);
  CO_TRY_AS(channel, co_await start_program(run.session, std::move(request), patience));
  Reporter reporter{**channel};
  auto next = Clock::now();
  for (int looks = 0; plan.looks == 0 || looks < plan.looks; ++looks) {
    co_await sleep_for(next - Clock::now(), run.limit);
    // After a slow answer the next look comes at once, but missed looks do not pile up.
    next = std::max(next + plan.every, Clock::now());
    const auto for_answer = run.limit.at_most(plan.patience);
    CO_TRY_AS(sample, co_await look(reporter, for_answer));
    sink(run.node, *sample);
  }
  // load.sh ends with its input.
  (*channel)->close_input();
  co_return ssh::ExitStatus{};
}

}  // namespace

NodeTask watch_task(WatchPlan plan, SampleSink sink) {
  return [plan, sink = std::move(sink)](NodeRun run) { return watch(std::move(run), plan, sink); };
}

}  // namespace ec2mpi::ops
