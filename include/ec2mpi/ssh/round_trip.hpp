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

}  // namespace ec2mpi::ssh
