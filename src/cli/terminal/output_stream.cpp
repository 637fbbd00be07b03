#include "ec2mpi/cli/terminal/output_stream.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>

namespace ec2mpi::cli {

namespace {

/// Our own nonblocking descriptor for the same pipe or terminal. -1 if there can be none, and if
/// `fd` is not for writing, because the new descriptor would be.
int open_anew(int fd) {
  struct stat info {};
  if ((::fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) return -1;
  if (::fstat(fd, &info) != 0 || !(S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode))) return -1;
  // By /proc, not by dup: O_NONBLOCK of a duplicate would hold for the shell's descriptor, too.
  return ::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

}  // namespace

OutputStream::OutputStream(const asio::any_io_executor& executor, int fd, std::function<void(int)> on_broken)
    : fd_(fd), terminal_(::isatty(fd) == 1), on_broken_(std::move(on_broken)), moved_(executor) {
  const int anew = open_anew(fd);
  if (anew < 0) return;
  own_.emplace(executor);
  std::error_code cannot_wait;  // /dev/null, for one, has nothing to wait for
  own_->assign(anew, cannot_wait);
  if (cannot_wait) {
    own_.reset();
    ::close(anew);
  }
}

void OutputStream::write(std::string_view text) {
  if (broken_) return;
  waiting_ += text;
  if (draining_) return;
  // One coroutine writes at a time, so the bytes keep their order.
  draining_ = true;
  asio::co_spawn(moved_.executor(), drain(), asio::detached);
}

/// Ends when all bytes are written or the reader is gone. A slow reader delays only this coroutine.
asio::awaitable<void> OutputStream::drain() {
  while (written_ < waiting_.size()) {
    write_some();
    moved_.notify_all();
    // For plain files there is no own_: writing to them does not wait.
    if (written_ == waiting_.size() || !own_) continue;
    std::error_code failed;
    co_await own_->async_wait(asio::posix::stream_descriptor::wait_write,
                              asio::redirect_error(asio::use_awaitable, failed));
    if (failed) give_up(failed.value());
  }
  waiting_.clear();
  written_ = 0;
  draining_ = false;
  moved_.notify_all();
}

/// As much as the descriptor takes at once.
void OutputStream::write_some() {
  const int fd = own_ ? own_->native_handle() : fd_;
  while (written_ < waiting_.size()) {
    const auto wrote = ::write(fd, waiting_.data() + written_, waiting_.size() - written_);
    if (wrote >= 0) {
      written_ += static_cast<std::size_t>(wrote);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) {
      give_up(errno);
    } else if (!own_) {  // somebody else made the shared descriptor nonblocking
      pollfd ready{fd, POLLOUT, 0};
      ::poll(&ready, 1, -1);
      continue;
    }
    break;
  }
  // Now and then only: each erase moves all bytes that still wait.
  if (written_ > kPlenty) {
    waiting_.erase(0, written_);
    written_ = 0;
  }
}

void OutputStream::close() {
  broken_ = true;
  written_ = waiting_.size();
  std::error_code ignored;
  if (own_) own_->close(ignored);
}

/// The bytes that wait are dropped, so that nobody waits for room without end.
void OutputStream::give_up(int error) {
  broken_ = true;
  written_ = waiting_.size();
  on_broken_(error);
}

asio::awaitable<void> OutputStream::room(Limit limit) {
  while (is_behind()) {
    const Wake wake = co_await moved_.wait(limit);
    if (wake != Wake::notified) co_return;
  }
}

asio::awaitable<void> OutputStream::flush(Limit limit) {
  while (draining_) {
    const Wake wake = co_await moved_.wait(limit);
    if (wake != Wake::notified) co_return;
  }
}

}  // namespace ec2mpi::cli
