#include "src/ssh/kept/frame_socket.hpp"

#include <sys/socket.h>
#include <cerrno>

namespace ec2mpi::ssh {

namespace {
constexpr std::size_t kReadBlock = 128 * 1024;
}

FrameSocket::FrameSocket(Socket socket) : socket_(std::move(socket)), activity_(socket_.get_executor()) {}

void FrameSocket::send(FrameType type, std::string_view payload) {
  if (closed_) return;
  append_frame(waiting_, type, payload);
  flush();
  if (sent_ < waiting_.size()) arm();
}

void FrameSocket::flush() {
  while (sent_ < waiting_.size() && !closed_) {
    // MSG_NOSIGNAL: a command that has been killed must not end the daemon by SIGPIPE.
    const auto took = ::send(socket_.native_handle(), waiting_.data() + sent_, waiting_.size() - sent_,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
    if (took < 0 && errno == EINTR) continue;
    if (took < 0 && errno == EAGAIN) break;
    if (took < 0) {
      // Not closed yet for us: the frames that the other side sent before can still be read.
      sent_ = waiting_.size();
      break;
    }
    sent_ += static_cast<std::size_t>(took);
  }
  // Bytes that were sent are cut off in large steps, as each cut moves the rest.
  if (sent_ == waiting_.size() || sent_ > kCredit) {
    waiting_.erase(0, sent_);
    sent_ = 0;
  }
}

Result<std::optional<Frame>> FrameSocket::receive() {
  for (;;) {
    auto frame = cutter_.next();
    // Frames that have arrived are handed out before the end of the stream counts.
    if (!frame || *frame || closed_) return frame;
    char* const room = cutter_.room(kReadBlock);
    const auto got = ::recv(socket_.native_handle(), room, kReadBlock, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return std::nullopt;
    if (got <= 0) {
      closed_ = true;
      return std::nullopt;
    }
    cutter_.filled(static_cast<std::size_t>(got));
  }
}

asio::awaitable<Wake> FrameSocket::activity(Limit limit) {
  // The owner may let go of the socket during the wait.
  const auto keep_alive = shared_from_this();
  arm();
  const Wake wake = co_await activity_.wait(limit);
  co_return wake;
}

void FrameSocket::arm() {
  if (closed_) return;
  // asio may call a handler after the socket has gone.
  const auto ready = [weak = weak_from_this()](bool FrameSocket::*armed) {
    return [weak, armed](std::error_code failed) {
      const auto self = weak.lock();
      if (!self) return;
      self.get()->*armed = false;
      if (failed) return;
      self->flush();
      if (self->sent_ < self->waiting_.size()) self->arm();
      self->activity_.notify_all();
    };
  };
  if (!reading_) {
    reading_ = true;
    socket_.async_wait(Socket::wait_read, ready(&FrameSocket::reading_));
  }
  if (!writing_ && sent_ < waiting_.size()) {
    writing_ = true;
    socket_.async_wait(Socket::wait_write, ready(&FrameSocket::writing_));
  }
}

void FrameSocket::close() {
  closed_ = true;
  std::error_code ignored;
  socket_.close(ignored);
  activity_.notify_all();
}

}  // namespace ec2mpi::ssh
