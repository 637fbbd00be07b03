#include "src/ssh/kept/frames.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace ec2mpi::ssh {

namespace {

/// One byte of type and four of length, then the payload.
constexpr std::size_t kHeader = 5;
constexpr std::size_t kSmall = 4 * 1024;  ///< names, numbers, messages
constexpr std::size_t kMostMessage = 2 * 1024;
/// Of a host, a signal or a terminal type; longer ones spoil the payload.
constexpr std::size_t kMostName = 256;
constexpr std::uint32_t kMostCells = 100'000;  ///< of a terminal, in one direction

/// The most significant byte first, as in ssh.
void append_number(std::string& to, std::uint32_t number) {
  for (const int shift : {24, 16, 8, 0}) to += static_cast<char>((number >> shift) & 0xff);
}

void append_text(std::string& to, std::string_view text) {
  append_number(to, static_cast<std::uint32_t>(text.size()));
  to += text;
}

/// The caller has checked that four bytes are there.
std::uint32_t number_at(std::string_view bytes) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = (number << 8) | static_cast<unsigned char>(bytes[i]);
  return number;
}

/// Reads the fields of a payload. Behind a missing field all fields are empty, and `whole` is false.
class Fields {
 public:
  explicit Fields(std::string_view payload) : rest_(payload) {}

  /// A number above `most` spoils the payload: bounds are tested where a number is read.
  std::uint32_t number(std::uint32_t most = std::numeric_limits<std::uint32_t>::max()) {
    if (rest_.size() < 4) return spoil();
    const auto value = number_at(rest_);
    rest_.remove_prefix(4);
    return value <= most ? value : spoil();
  }

  /// A length and as many bytes. A length beyond the payload or the bound spoils all of it.
  std::string text(std::size_t most) {
    const std::size_t size = number();
    if (size > rest_.size() || size > most) {
      spoil();
      return {};
    }
    std::string taken(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return taken;
  }

  /// All was there, and nothing is left over.
  [[nodiscard]] bool whole() const { return good_ && rest_.empty(); }

 private:
  std::uint32_t spoil() {
    good_ = false;
    rest_ = {};
    return 0;
  }

  std::string_view rest_;
  bool good_ = true;
};

template <class T>
/// A payload with too few, too many or spoilt fields gives nothing, whatever was read of it.
std::optional<T> if_whole(const Fields& fields, T value) {
  if (!fields.whole()) return std::nullopt;
  return value;
}

}  // namespace

/// Nothing for an unknown type. Without a `default`, the compiler names a missing type.
std::optional<std::size_t> most_payload(FrameType type) {
  switch (type) {
    case FrameType::exec:
      return kMostCommand + kSmall;
    case FrameType::input:
    case FrameType::output:
    case FrameType::error_output:
      return kMostBytes;
    case FrameType::hello:
    case FrameType::forward:
    case FrameType::end_of_input:
    case FrameType::signal:
    case FrameType::resize:
    case FrameType::leave:
    case FrameType::ready:
    case FrameType::started:
    case FrameType::refused:
    case FrameType::input_over:
    case FrameType::exited:
    case FrameType::broken:
    case FrameType::taken:
      return kSmall;
  }
  return std::nullopt;
}

void append_frame(std::string& to, FrameType type, std::string_view payload) {
  to += static_cast<char>(type);
  append_text(to, payload);
}

/// Room behind the bytes that wait. They may move, which ends the frames handed out before.
char* FrameCutter::room(std::size_t size) {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() < end_ + size) buffer_.resize(end_ + size);
  return buffer_.data() + end_;
}

Result<std::optional<Frame>> FrameCutter::next() {
  const auto bytes = std::string_view(buffer_).substr(begin_, end_ - begin_);
  if (bytes.size() < kHeader) return std::nullopt;
  const auto type = static_cast<FrameType>(bytes[0]);
  const std::size_t size = number_at(bytes.substr(1));
  const auto most = most_payload(type);
  // Tested before the payload has come: a false length must not make us collect bytes for ever.
  if (!most || size > *most) return fail(ErrorKind::protocol, "a kept connection spoke in an unknown way");
  if (bytes.size() < kHeader + size) return std::nullopt;
  begin_ += kHeader + size;
  return Frame{type, bytes.substr(kHeader, size)};
}

std::string number_text(std::uint32_t number) {
  std::string text;
  append_number(text, number);
  return text;
}

std::optional<std::uint32_t> parse_number_frame(std::string_view payload) {
  Fields fields(payload);
  const auto number = fields.number();
  return if_whole(fields, number);
}

/// The daemon that reads it may be an older ec2mpi: kFrameVersion must grow with each change of a payload.
std::string request_text(const Request& request) {
  std::string text;
  append_text(text, request.command);
  append_number(text, request.bulk ? 1 : 0);
  append_number(text, request.ends_with_program ? 1 : 0);
  append_number(text, request.pty ? 1 : 0);
  // The fields of a terminal are always written, so that a payload has one form only.
  const auto pty = request.pty.value_or(Pty{});
  append_text(text, pty.terminal);
  append_number(text, static_cast<std::uint32_t>(std::max(pty.columns, 0)));
  append_number(text, static_cast<std::uint32_t>(std::max(pty.rows, 0)));
  return text;
}

std::optional<Request> parse_request(std::string_view payload) {
  Fields fields(payload);
  Request request;
  request.command = fields.text(kMostCommand);
  request.bulk = fields.number(1) == 1;
  request.ends_with_program = fields.number(1) == 1;
  const bool has_pty = fields.number(1) == 1;
  Pty pty;
  pty.terminal = fields.text(kMostName);
  pty.columns = static_cast<int>(fields.number(kMostCells));
  pty.rows = static_cast<int>(fields.number(kMostCells));
  if (has_pty) request.pty = pty;
  // libssh takes C strings: a zero byte would cut the command short.
  if (request.command.find('\0') != std::string::npos || pty.terminal.find('\0') != std::string::npos)
    return std::nullopt;
  return if_whole(fields, std::move(request));
}

std::string forward_text(const ForwardRequest& request) {
  std::string text;
  append_text(text, request.host);
  append_number(text, request.port);
  return text;
}

std::optional<ForwardRequest> parse_forward(std::string_view payload) {
  Fields fields(payload);
  ForwardRequest request;
  request.host = fields.text(kMostName);
  request.port = static_cast<std::uint16_t>(fields.number(0xffff));
  if (request.host.find('\0') != std::string::npos) return std::nullopt;
  return if_whole(fields, std::move(request));
}

std::string size_text(Size size) {
  std::string text;
  append_number(text, static_cast<std::uint32_t>(std::max(size.columns, 0)));
  append_number(text, static_cast<std::uint32_t>(std::max(size.rows, 0)));
  return text;
}

std::optional<Size> parse_size(std::string_view payload) {
  Fields fields(payload);
  Size size;
  size.columns = static_cast<int>(fields.number(kMostCells));
  size.rows = static_cast<int>(fields.number(kMostCells));
  return if_whole(fields, size);
}

/// A code is sent as 32 bits, whatever its sign.
std::string status_text(const ExitStatus& status) {
  std::string text;
  append_number(text, static_cast<std::uint32_t>(status.code));
  append_text(text, std::string_view(status.signal).substr(0, kMostName));
  return text;
}

std::optional<ExitStatus> parse_status(std::string_view payload) {
  Fields fields(payload);
  ExitStatus status;
  status.code = static_cast<int>(fields.number());
  status.signal = fields.text(kMostName);
  return if_whole(fields, std::move(status));
}

/// The message is cut, as the frame has a bound.
std::string error_text(const Error& error) {
  std::string text;
  append_number(text, static_cast<std::uint32_t>(error.kind));
  append_text(text, std::string_view(error.message).substr(0, kMostMessage));
  return text;
}

std::optional<Error> parse_error(std::string_view payload) {
  Fields fields(payload);
  Error error{ErrorKind::protocol, {}};
  // The bound is the last kind, so that the number is one of the kinds.
  error.kind = static_cast<ErrorKind>(fields.number(static_cast<std::uint32_t>(ErrorKind::cancelled)));
  error.message = fields.text(kMostMessage);
  return if_whole(fields, std::move(error));
}

}  // namespace ec2mpi::ssh
