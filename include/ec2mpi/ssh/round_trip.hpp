#pragma once

#include <chrono>
#include <optional>

namespace ec2mpi::ssh {

/// A session that measures its round trips; transports may implement it beside Session.
class Timed {
 public:
  virtual ~Timed() = default;
  /// The shortest round trip so far, over a jump host if there is one; nothing until it is known.
  [[nodiscard]] virtual std::optional<std::chrono::microseconds> round_trip() const = 0;
};

/// The shortest round trip that the kernel has seen on a TCP connection; nothing for other sockets.
[[nodiscard]] std::optional<std::chrono::microseconds> round_trip_of(int socket);

/// How long ago the other side's kernel has confirmed anything, while bytes of ours are on their way to it;
/// nothing if none are, or if that is not known.
[[nodiscard]] std::optional<std::chrono::milliseconds> unconfirmed_for(int socket);

}  // namespace ec2mpi::ssh
