#pragma once
/// Connections to one machine: interfaces with awaitable calls. libssh_transport implements them, and in the
/// unit tests a transport that misbehaves on purpose. Everything runs on one thread.
///
/// A Connector makes Sessions, a Session starts Channels. Each is owned by its unique_ptr; a Channel keeps
/// the parts of its session alive that it needs. At most one coroutine may read a channel and one may write
/// it at the same time.

#include <asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/limit.hpp"
#include "ec2mpi/cluster/values/node.hpp"

namespace ec2mpi::ssh {

using asio::awaitable;

/// How a remote program ended. Non-zero is not an Error.
struct ExitStatus {
  int code = 0;
  std::string signal = {};  ///< "KILL", "SEGV", ... without SIG; empty if it ended by itself

  [[nodiscard]] bool ok() const { return code == 0 && signal.empty(); }
  /// One number as a shell shows it: the code, or 128 + the signal's number.
  [[nodiscard]] int shell_code() const;
  /// "exit 3", "killed by signal TERM".
  [[nodiscard]] std::string describe() const;
  bool operator==(const ExitStatus&) const = default;
};

/// How far a connection has come; reported so that the user sees for which step a slow node waits.
enum class Phase { waiting, resolving, connecting, banner, key_exchange, authenticating, running, done };
[[nodiscard]] std::string_view phase_name(Phase phase);
using PhaseObserver = std::function<void(Phase)>;

enum class Stream { out, err };

struct Pty {
  std::string terminal = "xterm";
  int columns = 80;
  int rows = 24;
};

struct Request {
  std::string command;  ///< shell text for the user's login shell; empty asks for the login shell itself
  std::optional<Pty> pty = {};
  bool bulk = false;  ///< much output is expected: have the node send ahead as a long fast link needs it
  /// The output ends with the program, ten seconds of silence after its exit status, though a process that
  /// was started in the background may hold it open. Without this the output is read to its end, as ssh does.
  bool ends_with_program = false;
};

/// Bytes of one stream, valid until the next read.
struct Chunk {
  Stream stream;
  std::string_view bytes;
};

/// A running remote program. No output of a node, and no slow reading there, makes a read or a write miss its
/// limit or block the loop: both look at the limit first and give other work of the loop its turn.
class Channel {
 public:
  virtual ~Channel() = default;

  /// The next bytes of either stream; nothing once the program has ended and all was read.
  [[nodiscard]] awaitable<Result<std::optional<Chunk>>> read(Limit limit);

  /// How the program ended; call after read gave nothing. An error if the connection was cut instead.
  [[nodiscard]] virtual Result<ExitStatus> exit_status() const = 0;

  /// Returns when all bytes are on their way; waits while the node doesn't take more.
  [[nodiscard]] awaitable<Result<void>> write(std::string_view bytes, Limit limit);

  /// Bytes of ours, such as the command, have not arrived at the node yet, as far as is known.
  [[nodiscard]] virtual bool is_sending() const { return false; }

  /// Closes the program's standard input.
  virtual void close_input() = 0;

  /// Asks sshd to signal the program's process group (RFC 4254, 6.9; "INT", "TERM", ...). No answer comes:
  /// sshd refuses it silently for root, forced commands and before OpenSSH 7.9.
  virtual void signal(const std::string& name) = 0;

  /// Tells the pty its new size (RFC 4254, 6.7).
  virtual void resize(int columns, int rows) = 0;

 protected:
  /// The most bytes that `send` is given at once. libssh copies and encrypts all bytes that it gets without
  /// looking at the socket, so this bounds the memory of a thousand sessions.
  static constexpr std::size_t kWriteBlock = 64 * 1024;

 private:
  /// `read` and `write` for one transport. A loop in here that does not wait yields to the loop.
  [[nodiscard]] virtual awaitable<Result<std::optional<Chunk>>> receive(Limit limit) = 0;
  [[nodiscard]] virtual awaitable<Result<void>> send(std::string_view bytes, Limit limit) = 0;
};

/// An authenticated connection to one node.
class Session {
 public:
  virtual ~Session() = default;
  [[nodiscard]] virtual awaitable<Result<std::unique_ptr<Channel>>> start(Request request, Limit limit) = 0;

  /// A TCP connection from the node to host:port (RFC 4254, 7.2, direct-tcpip); bytes from there are
  /// Stream::out.
  [[nodiscard]] virtual awaitable<Result<std::unique_ptr<Channel>>> forward(std::string host,
                                                                            std::uint16_t port,
                                                                            Limit limit) = 0;
};

class Connector {
 public:
  virtual ~Connector() = default;

  /// Connects, verifies the host key, then authenticates; in that order. Errors: unreachable, timeout,
  /// host_key, auth, protocol, cancelled; the message names the attempts, without the node's name.
  [[nodiscard]] virtual awaitable<Result<std::unique_ptr<Session>>> connect(const Node& node, Limit limit,
                                                                            PhaseObserver on_phase) = 0;
};

}  // namespace ec2mpi::ssh
