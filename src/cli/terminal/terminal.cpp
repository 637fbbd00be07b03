#include "ec2mpi/cli/terminal/terminal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>
#include <stop_token>

namespace ec2mpi::cli {

namespace {

/// As much as a pipe of Linux holds.
constexpr std::size_t kInputBlock = 64 * 1024;

/// tcsetattr from a background process stops it unless SIGTTOU is blocked; a restore must not hang there.
void set_attributes_from_anywhere(int terminal, const termios& attributes) {
  sigset_t tty_output;
  sigset_t before;
  sigemptyset(&tty_output);
  sigaddset(&tty_output, SIGTTOU);
  ::pthread_sigmask(SIG_BLOCK, &tty_output, &before);
  while (::tcsetattr(terminal, TCSANOW, &attributes) != 0 && errno == EINTR) {
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

/// -1 where it can't be had: sockets, and terminals that belong to another user.
int open_anew(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !(S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode))) return -1;
  // By /proc, not by dup: O_NONBLOCK of a duplicate would hold for the shell's descriptor, too.
  return ::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/// An epoll that is readable when `fd` is; -1 for plain files. asio makes a descriptor that it waits for
/// nonblocking; this way that is the epoll and never a descriptor that other programs share.
int open_bell(int fd) {
  UniqueFd bell(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  if (!bell || ::epoll_ctl(bell.get(), EPOLL_CTL_ADD, fd, &wanted) != 0) return -1;
  return bell.release();
}

}  // namespace

RawMode* RawMode::newest_ = nullptr;

RawMode::RawMode(int terminal, Keys keys, std::string_view last_bytes)
    : terminal_(terminal), last_bytes_(last_bytes) {
  if (::tcgetattr(terminal_, &before_) != 0) return;
  termios raw = before_;
  if (keys == Keys::bytes) {
    ::cfmakeraw(&raw);
    // As ssh(1) sets it.
    raw.c_iflag |= IGNPAR;
  } else {
    // ISIG stays, so Ctrl-C still interrupts.
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | IEXTEN);
    raw.c_cc[VSUSP] = raw.c_cc[VQUIT] = _POSIX_VDISABLE;  // they would leave the terminal as it is now
  }
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  // For restore_from_handler, which is static.
  newest_ = this;
  active_ = true;  // first, for a signal may come while a background process waits in tcsetattr
  while (::tcsetattr(terminal_, TCSANOW, &raw) != 0 && errno == EINTR) {
  }
}

void RawMode::restore() {
  if (!active_) return;
  active_ = false;
  if (newest_ == this) newest_ = nullptr;
  set_attributes_from_anywhere(terminal_, before_);
}

/// Called from a signal handler: only calls that are allowed there (signal-safety(7)).
void RawMode::restore_from_handler() {
  if (newest_ == nullptr) return;
  const auto bytes = newest_->last_bytes_;
  newest_->restore();
  [[maybe_unused]] const auto ignored = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
}

InputStream::InputStream(const asio::any_io_executor& executor, int fd)
    : fd_(fd), terminal_(::isatty(fd) == 1), anew_(open_anew(fd)), buffer_(kInputBlock, '\0') {
  if (anew_) fd_ = anew_.get();
  if (const int bell = open_bell(fd_); bell >= 0) bell_.emplace(executor, bell);
}

asio::awaitable<Result<std::optional<std::string_view>>> InputStream::read(Limit limit) {
  for (;;) {
    if (bell_) co_await readable(limit);
    if (limit.stop.stop_requested()) co_return wake_error(Wake::stopped, {});
    const auto got = ::read(fd_, buffer_.data(), buffer_.size());
    if (got > 0) co_return std::string_view(buffer_).substr(0, static_cast<std::size_t>(got));
    // For a terminal, an end of the input means that it is gone.
    if (got == 0 && !terminal_) co_return std::nullopt;
    if (got == 0 || (errno == EIO && terminal_)) co_return fail(ErrorKind::local_io, "the terminal is gone");
    if (errno != EINTR && errno != EAGAIN) co_return io_error("read", "standard input");
  }
}

asio::awaitable<void> InputStream::readable(Limit limit) {
  const auto cancel = [this] { bell_->cancel(); };
  const std::stop_callback on_stop(limit.stop, cancel);
  // A stop that came earlier had nothing to cancel.
  if (limit.stop.stop_requested()) co_return;
  std::error_code cancelled;
  co_await bell_->async_wait(asio::posix::stream_descriptor::wait_read,
                             asio::redirect_error(asio::use_awaitable, cancelled));
}

LoginTerminal::LoginTerminal(const asio::any_io_executor& executor, Console& console, bool raw,
                             std::function<void()> on_begin)
    : console_(console),
      raw_(raw),
      on_begin_(std::move(on_begin)),
      input_(executor, STDIN_FILENO),
      resize_signal_(executor, SIGWINCH),
      resize_(executor) {
  await_resize();
}

void LoginTerminal::await_resize() {
  resize_signal_.async_wait([this](std::error_code cancelled, int) {
    if (cancelled) return;
    resized_ = true;
    resize_.notify_all();
    await_resize();
  });
}

void LoginTerminal::begin() {
  on_begin_();
  if (raw_ && input_.is_terminal()) raw_mode_.emplace(STDIN_FILENO);
}

void LoginTerminal::restore() {
  if (raw_mode_) raw_mode_->restore();
}

asio::awaitable<Result<std::optional<std::string_view>>> LoginTerminal::read(Limit limit) {
  return input_.read(limit);
}

void LoginTerminal::write(ssh::Stream stream, std::string_view bytes) {
  if (stream == ssh::Stream::out)
    console_.result_bytes(bytes);
  else
    console_.talk_bytes(bytes);
}

asio::awaitable<void> LoginTerminal::room(Limit limit) {
  return console_.room(limit);
}

ops::WindowSize LoginTerminal::size() const {
  // Any of the three may be redirected.
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    winsize window{};
    if (::ioctl(fd, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 && window.ws_row > 0) {
      return {window.ws_col, window.ws_row};
    }
  }
  return {};
}

asio::awaitable<Wake> LoginTerminal::resized(Limit limit) {
  while (!resized_) {
    const Wake wake = co_await resize_.wait(limit);
    if (wake != Wake::notified) co_return wake;
  }
  resized_ = false;
  co_return Wake::notified;
}

}  // namespace ec2mpi::cli
