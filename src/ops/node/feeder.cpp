#include "ec2mpi/ops/node/feeder.hpp"

#include <unistd.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {
/// Bytes of the file in one write: libssh does not look at the socket before it has encrypted all of them.
constexpr std::size_t kBlock = 64 * 1024;
}  // namespace

std::shared_ptr<Feeder> Feeder::over(const asio::any_io_executor& executor, ssh::Channel& channel,
                                     std::shared_ptr<const std::string> text,
                                     std::shared_ptr<const UniqueFd> file) {
  return std::make_shared<Feeder>(executor, channel, std::move(text), std::move(file));
}

void Feeder::answer(std::string words) {
  answer_ = std::move(words);
  run_once();
}

void Feeder::start() {
  started_ = true;
  done_.notify_all();
  run_once();
}

/// Two calls wake it, in any order: the answer for sudo, and the start of the program's own input.
void Feeder::run_once() {
  // A running coroutine looks at `answer_` and `started_` by itself.
  if (running_) return;
  if (started_ && answer_.empty() && !text_ && !file_) {
    channel_.close_input();
    return;
  }
  running_ = true;
  asio::co_spawn(done_.executor(), run(shared_from_this()), asio::detached);
}

asio::awaitable<void> Feeder::run(std::shared_ptr<Feeder> self) {
  const Limit limit{Clock::time_point::max(), self->stop_.get_token()};
  co_await self->feed(limit);
  self->running_ = false;
  self->done_.notify_all();
}

asio::awaitable<void> Feeder::feed(Limit limit) {
  // A write that fails is no error by itself: the program ended without reading everything, as `head` does.
  auto written = co_await channel_.write(answer_, limit);
  wipe(answer_);  // it may be a password
  while (!started_ && !limit.stop.stop_requested()) co_await done_.wait(limit);
  if (!started_) co_return;
  if (written && text_) written = co_await channel_.write(*text_, limit);
  std::string block(kBlock, '\0');
  for (off_t offset = 0; written && file_;) {
    // pread: the feeders of all nodes share one open file, and so its position.
    const auto got = ::pread(file_->get(), block.data(), block.size(), offset);
    if (got <= 0) break;
    offset += got;
    const std::string_view bytes(block.data(), static_cast<std::size_t>(got));
    written = co_await channel_.write(bytes, limit);
  }
  if (written) channel_.close_input();
}

/// The coroutine refers to the channel, so the channel must not end before it.
asio::awaitable<void> Feeder::finish() {
  stop_.request_stop();
  const Limit unlimited;
  while (running_) co_await done_.wait(unlimited);
}

}  // namespace ec2mpi::ops
