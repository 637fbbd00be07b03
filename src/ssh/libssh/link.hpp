#pragma once
/// One libssh session and its socket, driven by the event loop.
///
/// libssh reads and writes its socket inside every call; so each caller repeats its own call until it
/// succeeds, and waits for activity in between. A session for which no caller waits is not read, and the node
/// slows down: that is the back-pressure. libssh is never called from one of its own callbacks.

#include <asio/generic/stream_protocol.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ec2mpi/base/event.hpp"
#include "src/ssh/libssh/handles.hpp"

namespace ec2mpi::ssh {

class Link : public std::enable_shared_from_this<Link> {
 public:
  using Socket = asio::generic::stream_protocol::socket;

  /// Takes a connected socket. libssh gets a duplicate of its descriptor: libssh closes its own on some paths
  /// of failure and not on others.
  static Result<std::shared_ptr<Link>> over(Socket socket);
  explicit Link(Socket socket);
  ~Link();

  [[nodiscard]] ssh_session session() const { return session_.get(); }

  /// To be called after libssh calls on a link for which other callers wait too: any call may have read the
  /// packet for which one of them waits, and the socket is not readable again for it. Bytes that the call has
  /// queued are sent even if no caller waits again.
  void pass_on();

  /// Waits until the socket is ready (so that the libssh call is worth repeating) or the limit ends. A node
  /// that says nothing meanwhile is asked for a sign of life (after notice_loss_in); without one the
  /// connection is lost.
  [[nodiscard]] asio::awaitable<Wake> activity(Limit limit);

  /// How many packets have been read; any libssh call may read some.
  [[nodiscard]] std::uint64_t packets_received() const { return traffic_.in_packets; }
  [[nodiscard]] std::uint64_t bytes_received() const { return traffic_.in_bytes; }
  /// The other side has sent a byte.
  [[nodiscard]] bool heard() const { return socket_traffic_.in_bytes > 0; }

  /// Notes the time from a request to its answer.
  void note_exchange(Clock::duration took);
  /// The shortest round trip so far: the kernel's for the socket; behind a jump host, which is all that the
  /// kernel sees, the time of the quickest exchange.
  [[nodiscard]] std::optional<std::chrono::microseconds> round_trip() const;

  /// True while bytes that libssh has queued could not be sent.
  [[nodiscard]] bool write_pending() const;
  /// Some of our bytes have not arrived at the node, as far as its kernel has confirmed.
  [[nodiscard]] bool has_unconfirmed_bytes() const;

  /// How long a node may leave our bytes unconfirmed, and be silent when asked for a sign of life.
  static constexpr auto kPatience = std::chrono::seconds(30);
  /// The same for a link that carries much from us: 300 uploads over 10 Mbit/s left living nodes without a
  /// confirmed byte for longer than 30 s.
  static constexpr auto kPatienceInUpload = std::chrono::seconds(120);

  /// From now on the connection is lost when the node's kernel has confirmed none of our bytes for that time,
  /// or when a node that was asked for a sign of life has said nothing for so long and confirms no other
  /// bytes; a shorter time than before changes nothing. Until the first call only the limits of the waits
  /// hold.
  void notice_loss_in(std::chrono::seconds time);

  /// libssh sets its socket to blocking while it connects (0.10.6, ssh_socket_pollcallback); undo that.
  void make_nonblocking();

  /// Lets go of the node without a packet to it: another process continues with the connection.
  void leave();

  /// libssh's words for the last failure, in ours; kind unreachable, host_key or protocol.
  [[nodiscard]] Error last_error() const;

 private:
  void arm();
  void on_ready();
  void look_for_life();
  void ask_for_life();

  Socket socket_;
  int libssh_fd_ = -1;
  SessionHandle session_;
  Event activity_;
  bool reading_ = false;
  bool writing_ = false;
  ssh_counter_struct traffic_{};  ///< of whole packets; both are kept by libssh
  ssh_counter_struct socket_traffic_{};
  std::uint64_t packets_passed_on_ = 0;
  std::chrono::seconds patience_{0};
  /// When, if the node has sent no byte since, and none of ours stood in front of the question.
  std::optional<Clock::time_point> asked_for_life_;
  std::uint64_t heard_bytes_ = 0;  ///< of the socket, when it was asked
  bool frozen_ = false;            ///< it gave no sign of life in time
  std::optional<std::chrono::microseconds> quickest_;
};

}  // namespace ec2mpi::ssh
