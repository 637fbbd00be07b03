#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/limit.hpp"

namespace ec2mpi::ssh {

/// What a session may be besides: one that can be kept while nobody uses it.
class KeepableSession {
 public:
  virtual ~KeepableSession() = default;
  /// False once the connection is known to be dead.
  [[nodiscard]] virtual bool alive() const = 0;
  /// How many bytes have come from the node in whole packets.
  [[nodiscard]] virtual std::uint64_t heard() const = 0;
  /// Lets in what has come, and asks the node for a sign of life, unless it has been asked already.
  virtual void ask_for_sign_of_life() = 0;
  /// Waits until something comes from the node.
  [[nodiscard]] virtual asio::awaitable<Wake> wait_for_traffic(Limit limit) = 0;
  /// From now on a start() that fails has started nothing on the node.
  virtual void never_pipeline() = 0;
};

/// Right after a fork, in the process that does not go on with them: no connection of this process leads to a
/// node any more, and whatever is done with one reaches nobody.
void abandon_all_connections();

}  // namespace ec2mpi::ssh
