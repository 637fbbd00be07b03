#pragma once
/// A unix socket that carries frames, on the event loop. Sending and receiving never wait; a caller that
/// waits for something looks again after each activity, as with a Link.

#include <asio/local/stream_protocol.hpp>
#include <memory>
#include <string>

#include "ec2mpi/base/event.hpp"
#include "src/ssh/kept/frames.hpp"

namespace ec2mpi::ssh {

class FrameSocket : public std::enable_shared_from_this<FrameSocket> {
 public:
  using Socket = asio::local::stream_protocol::socket;

  explicit FrameSocket(Socket socket);

  /// Sends the frame, or keeps it until the other side reads. The callers bound the kept bytes: they send
  /// only bytes for which the other side has room (FrameType::taken).
  void send(FrameType type, std::string_view payload = {});

  /// The next frame that is there, valid until the next call; nothing if none is. Errors: protocol.
  [[nodiscard]] Result<std::optional<Frame>> receive();

  /// The other side has closed, or the socket is broken; frames that arrived before may still be received.
  [[nodiscard]] bool closed() const { return closed_; }

  /// Waits until there may be something to receive, or another caller has looked.
  [[nodiscard]] asio::awaitable<Wake> activity(Limit limit);

  /// Wakes the other callers that wait, because there may be news for them.
  void pass_on() { activity_.notify_all(); }

  void close();

 private:
  void flush();
  void arm();

  Socket socket_;
  Event activity_;
  FrameCutter cutter_;
  std::string waiting_;
  std::size_t sent_ = 0;  ///< of waiting_
  bool reading_ = false;
  bool writing_ = false;
  bool closed_ = false;
};

}  // namespace ec2mpi::ssh
