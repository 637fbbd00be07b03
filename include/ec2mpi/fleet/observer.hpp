#pragma once
/// Receives the events of all nodes while they happen. Always called on the loop's thread.

#include <asio/awaitable.hpp>
#include <string>
#include <string_view>

#include "ec2mpi/base/limit.hpp"
#include "ec2mpi/fleet/outcome.hpp"

namespace ec2mpi {

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_phase(const Node&, ssh::Phase) {}
  /// Output of a command as it arrives, byte for byte; on_lines then gets its lines.
  virtual void on_output(const Node&, ssh::Stream, std::string_view) {}
  /// Whole lines, each with its end: many at once, because a command may print a million short ones. What a
  /// node prints last may lack the end of line; it is handed on with one.
  virtual void on_lines(const Node&, ssh::Stream, std::string_view) {}
  /// The same for one line without its end.
  void on_line(const Node& node, ssh::Stream stream, std::string_view line) {
    on_lines(node, stream, std::string(line) + "\n");
  }
  /// Bytes moved to (positive) or from the node, for progress.
  virtual void on_bytes(const Node&, std::uint64_t) {}
  virtual void on_finish(const NodeResult&) {}
  /// Returns once there is room for more output, or the limit ends. While it waits the node isn't read: a
  /// slow reader slows the node.
  [[nodiscard]] virtual asio::awaitable<void> ready(Limit) { co_return; }
};

}  // namespace ec2mpi
