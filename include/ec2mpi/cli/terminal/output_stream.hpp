#pragma once
/// Standard output or error as the event loop needs it: a slow reader never blocks the loop.

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ec2mpi/base/event.hpp"

namespace ec2mpi::cli {

class OutputStream {
 public:
  /// Borrows `fd`. Pipes and terminals are opened again by /proc/self/fd, so that making them nonblocking
  /// doesn't change the descriptor that other programs share; plain files, and files that cannot be opened
  /// again, are written at once. `on_broken` gets the errno of the first write that fails; EPIPE: nobody
  /// reads any more.
  OutputStream(const asio::any_io_executor& executor, int fd, std::function<void(int)> on_broken);

  void write(std::string_view text);
  /// Waits while more than kPlenty bytes are waiting for the reader, or until the limit ends.
  [[nodiscard]] asio::awaitable<void> room(Limit limit);
  /// More than kPlenty bytes are waiting, so a status line should be left out.
  [[nodiscard]] bool is_behind() const { return waiting_.size() - written_ > kPlenty; }
  /// Waits until everything is written or the limit ends.
  [[nodiscard]] asio::awaitable<void> flush(Limit limit);
  /// Closes the descriptor. Bytes that are not written yet are lost.
  void close();
  [[nodiscard]] bool is_terminal() const { return terminal_; }

 private:
  static constexpr std::size_t kPlenty = 256 * 1024;

  asio::awaitable<void> drain();
  void write_some();
  void give_up(int error);

  int fd_;
  bool terminal_;
  bool draining_ = false;
  bool broken_ = false;
  std::function<void(int)> on_broken_;
  std::optional<asio::posix::stream_descriptor> own_;
  Event moved_;
  std::string waiting_;
  std::size_t written_ = 0;  ///< of waiting_
};

}  // namespace ec2mpi::cli
