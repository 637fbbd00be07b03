#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/limit.hpp"

namespace ec2mpi::ssh {

/// A session that can be kept while no command uses it; transports may implement it beside Session.
class KeepableSession {
 public:
  virtual ~KeepableSession() = default;
  /// False once the connection is known to be dead.
  [[nodiscard]] virtual bool alive() const = 0;
  /// How many bytes the node has sent in whole packets.
  [[nodiscard]] virtual std::uint64_t heard() const = 0;
  /// Reads the packets that have arrived, and asks the node for a sign of life unless an answer is due.
  virtual void ask_for_sign_of_life() = 0;
  /// Waits until the node sends something.
  [[nodiscard]] virtual asio::awaitable<Wake> wait_for_traffic(Limit limit) = 0;
  /// From now on a start() that fails has started nothing on the node, and makes no additional connection.
  virtual void give_to_another_process() = 0;
};

/// To be called right after a fork, in the process that does not continue with the connections: from then on
/// nothing that it does with one reaches a node.
void abandon_all_connections();

}  // namespace ec2mpi::ssh
