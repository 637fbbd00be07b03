#pragma once
/// The protocol between a command and the daemon of connections: frames over a stream. Pure.
///
/// A frame is its type (one byte), the length of its payload (four bytes, big end first) and the payload. All
/// bytes are taken as hostile: no length is believed beyond the bound of its type, no number or text beyond
/// its frame.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::ssh {

enum class FrameType : std::uint8_t {
  // From a command to the daemon.
  hello = 1,     ///< kFrameVersion; the first one on every stream
  exec,          ///< a Request; once, this or forward
  forward,       ///< host and port
  input,         ///< bytes for the program
  end_of_input,  ///< nothing
  signal,        ///< its name
  resize,        ///< columns, rows
  leave,         ///< nothing: the daemon must end
  // From the daemon.
  ready = 32,    ///< the round trip to the node in microseconds; 0 = unknown
  started,       ///< nothing: the channel is open, and the command is on its way
  refused,       ///< an Error: nothing was started
  output,        ///< bytes
  error_output,  ///< bytes
  input_over,    ///< an Error: the program takes no more input
  exited,        ///< an ExitStatus; the last one
  broken,        ///< an Error; the last one
  // Both ways.
  taken = 64,  ///< a number of bytes that have been taken; as many more may be sent
};

constexpr std::uint32_t kFrameVersion = 2;
/// The most bytes in a frame, and the most bytes that may be on their way before the other side takes them.
constexpr std::size_t kMostBytes = 64 * 1024;
constexpr std::size_t kCredit = 1024 * 1024;
/// A request's command; a node's kernel takes no more than 128 KiB as one word anyhow.
constexpr std::size_t kMostCommand = 512 * 1024;

struct Frame {
  FrameType type;
  std::string_view payload;
};

/// The largest payload of a type; nothing for an unknown type.
[[nodiscard]] std::optional<std::size_t> most_payload(FrameType type);

/// The frame as it travels. A payload that is too large is a bug of the caller's.
void append_frame(std::string& to, FrameType type, std::string_view payload);

/// Cuts a stream into frames.
class FrameCutter {
 public:
  /// The place for the next `size` bytes of the stream; `filled` says how many were written there.
  [[nodiscard]] char* room(std::size_t size);
  void filled(std::size_t size) { end_ += size; }

  /// The next whole frame, valid until `room` is called; nothing if more bytes are needed. Errors: protocol;
  /// after one the stream cannot be read any more.
  [[nodiscard]] Result<std::optional<Frame>> next();

 private:
  std::string buffer_;
  std::size_t begin_ = 0;  ///< of the bytes that have not been handed out
  std::size_t end_ = 0;    ///< of the bytes that have arrived
};

// The payloads. Reading one that is malformed gives nothing.

[[nodiscard]] std::string number_text(std::uint32_t number);
[[nodiscard]] std::optional<std::uint32_t> parse_number_frame(std::string_view payload);

[[nodiscard]] std::string request_text(const Request& request);
[[nodiscard]] std::optional<Request> parse_request(std::string_view payload);

struct ForwardRequest {
  std::string host;
  std::uint16_t port = 0;
};
[[nodiscard]] std::string forward_text(const ForwardRequest& request);
[[nodiscard]] std::optional<ForwardRequest> parse_forward(std::string_view payload);

struct Size {
  int columns = 0;
  int rows = 0;
};
[[nodiscard]] std::string size_text(Size size);
[[nodiscard]] std::optional<Size> parse_size(std::string_view payload);

[[nodiscard]] std::string status_text(const ExitStatus& status);
[[nodiscard]] std::optional<ExitStatus> parse_status(std::string_view payload);

/// A message is cut where it would be too long.
[[nodiscard]] std::string error_text(const Error& error);
[[nodiscard]] std::optional<Error> parse_error(std::string_view payload);

}  // namespace ec2mpi::ssh
