#pragma once

#include <chrono>
#include <optional>

namespace ec2mpi::ssh {

/// What a session may be besides.
class Timed {
 public:
  virtual ~Timed() = default;
  /// The shortest time there and back so far, over a jump host if there is one; nothing before it is known.
  [[nodiscard]] virtual std::optional<std::chrono::microseconds> round_trip() const = 0;
};

/// The shortest time there and back that the kernel has seen on a TCP connection; nothing for other sockets.
[[nodiscard]] std::optional<std::chrono::microseconds> round_trip_of(int socket);

}  // namespace ec2mpi::ssh
