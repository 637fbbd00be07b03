#pragma once
/// login: a person, or a pipe, at one program on one node.

#include <asio/awaitable.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/limit.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::ops {

struct WindowSize {
  int columns = 80;
  int rows = 24;
};

/// Where a login's bytes come from and go to. At most one coroutine reads it at a time.
class Terminal {
 public:
  virtual ~Terminal() = default;

  /// The program runs: from now on the typed bytes belong to it. Called once, before all else.
  virtual void begin() = 0;

  /// The next bytes, valid until the next read; nothing at the end of the input. Errors: local_io, cancelled.
  [[nodiscard]] virtual asio::awaitable<Result<std::optional<std::string_view>>> read(Limit limit) = 0;

  /// Takes all bytes at once; see room.
  virtual void write(ssh::Stream stream, std::string_view bytes) = 0;
  /// Returns when there is room for more output or the limit ends.
  [[nodiscard]] virtual asio::awaitable<void> room(Limit limit) = 0;

  [[nodiscard]] virtual WindowSize size() const = 0;
  /// Waits for the next change of the size; one that came before the call counts.
  [[nodiscard]] virtual asio::awaitable<Wake> resized(Limit limit) = 0;
};

struct LoginRequest {
  std::string command = {};  ///< shell text; empty asks for the login shell
  std::optional<std::string> terminal_kind =
      {};                ///< $TERM for a pty of the terminal's size; unset means no pty
  bool escapes = false;  ///< understand ~. and ~? in the input
  Clock::time_point start_by = Clock::time_point::max();  ///< until then the program must have begun
};

/// Runs the program until it ends, the connection is lost or the user leaves by ~. (ErrorKind::cancelled, as
/// when `limit` is stopped). ~. works even if the node takes no data.
[[nodiscard]] asio::awaitable<Result<ssh::ExitStatus>> login(ssh::Session& session, LoginRequest request,
                                                             Terminal& terminal, Limit limit);

}  // namespace ec2mpi::ops
