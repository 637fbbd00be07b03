#pragma once
/// Sessions that a command holds from one task to the next, so that a task costs no new connection.

#include <map>
#include <memory>

#include "ec2mpi/cli/session/command_context.hpp"

namespace ec2mpi::cli {

class HeldSessions : public ssh::Connector {
 public:
  explicit HeldSessions(ssh::Connector& connector) : connector_(connector) {}

  /// The node's held session, else a new one, which is held from now on.
  asio::awaitable<Result<std::unique_ptr<ssh::Session>>> connect(const Node& node, Limit limit,
                                                                 ssh::PhaseObserver on_phase) override;
  /// The next connect() makes a new session.
  void drop(const Node& node) { held_.erase(node.index); }

 private:
  ssh::Connector& connector_;
  std::map<int, std::shared_ptr<ssh::Session>> held_;
};

/// Connects to the selected nodes, and reports those that cannot be reached.
[[nodiscard]] asio::awaitable<FleetReport> connect_all(CommandContext& context, HeldSessions& sessions);

}  // namespace ec2mpi::cli
