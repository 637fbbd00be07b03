#pragma once
/// The user's end of a login: standard input as the event loop needs it, the raw mode, the size of the
/// window.

#include <termios.h>
#include <asio/any_io_executor.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <functional>
#include <optional>
#include <string>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/file.hpp"
#include "ec2mpi/cli/terminal/console.hpp"
#include "ec2mpi/ops/login/login.hpp"

namespace ec2mpi::cli {

/// While it lives, keys arrive at once and nothing is echoed. Its end restores the terminal.
class RawMode {
 public:
  enum class Keys {
    bytes,   ///< every key is a byte (termios(3), raw mode)
    signals  ///< Ctrl-C is still a signal, and lines that are written end as usual
  };

  /// Borrows a terminal's descriptor. Does nothing if it is none. `last_bytes`: what restore_from_handler()
  /// also writes to standard output.
  explicit RawMode(int terminal, Keys keys = Keys::bytes, std::string_view last_bytes = {});
  ~RawMode() { restore(); }
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;

  /// Ends it early; works in a background process too.
  void restore();
  /// Ends the newest one; for the handler of a signal that ends the program without unwinding.
  static void restore_from_handler();

 private:
  static RawMode* newest_;

  int terminal_;
  std::string_view last_bytes_;
  bool active_ = false;
  termios before_{};
};

/// Reads a descriptor without ever blocking the loop, and without making it nonblocking where others share
/// it.
class InputStream {
 public:
  /// Borrows `fd`.
  InputStream(const asio::any_io_executor& executor, int fd);

  /// The next bytes, valid until the next read; nothing at the end. A terminal that is gone is an error:
  /// local_io.
  [[nodiscard]] asio::awaitable<Result<std::optional<std::string_view>>> read(Limit limit);
  [[nodiscard]] bool is_terminal() const { return terminal_; }

 private:
  asio::awaitable<void> readable(Limit limit);

  int fd_;
  bool terminal_;
  UniqueFd anew_;                                       ///< our own nonblocking descriptor for the same file
  std::optional<asio::posix::stream_descriptor> bell_;  ///< ready when the input is; none for plain files
  std::string buffer_;
};

/// ops::Terminal over standard input and the console.
class LoginTerminal : public ops::Terminal {
 public:
  /// `raw`: begin() puts the terminal into raw mode, if standard input is one. `on_begin` is called at that
  /// time.
  LoginTerminal(const asio::any_io_executor& executor, Console& console, bool raw,
                std::function<void()> on_begin);

  void begin() override;
  asio::awaitable<Result<std::optional<std::string_view>>> read(Limit limit) override;
  void write(ssh::Stream stream, std::string_view bytes) override;
  asio::awaitable<void> room(Limit limit) override;
  [[nodiscard]] ops::WindowSize size() const override;
  asio::awaitable<Wake> resized(Limit limit) override;

  /// Gives the terminal back to the user as it was; may be called at any time and more than once.
  void restore();

 private:
  void await_resize();

  Console& console_;
  bool raw_;
  std::function<void()> on_begin_;
  InputStream input_;
  asio::signal_set resize_signal_;
  Event resize_;
  bool resized_ = false;
  std::optional<RawMode> raw_mode_;
};

}  // namespace ec2mpi::cli
