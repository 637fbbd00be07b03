#pragma once
/// A transport that misbehaves on purpose. There is no network and no process: a test sets the faults of each
/// node.

#include <asio/any_io_executor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::test {

/// What one node does. As it stands here: lets us in at once, prints nothing, exits 0.
struct FakeNode {
  enum class Door { open, refuses, hangs };
  enum class End {
    exits,      ///< with `status`
    cut,        ///< the connection breaks once the output is out
    never,      ///< it runs until its caller stops waiting
    no_status,  ///< the channel is closed without a word about how it ended
  };

  Door door = Door::open;
  Clock::duration door_opens_after = {};
  std::string out = {};
  std::string err = {};
  std::string late = {};    ///< standard output that arrives after standard error
  std::uint64_t flood = 0;  ///< so many bytes more on standard output, without any end of line
  Clock::duration runs_for = {};
  bool opens_channel = true;  ///< false: as of a frozen machine, no answer to start()
  End end = End::exits;
  ssh::ExitStatus status = {};
  std::string found =
      "ec2mpi-sweep 1\nec2mpi-sweep end\n";  ///< output of the check for leftovers after a command was ended
  bool obeys_signals = false;                ///< a signal ends a program that would never end
  /// Instead of all that: what each program does that is started there, by its command.
  std::function<FakeNode(const std::string& command)> program = {};
  /// Called with a program's input as it arrives; may add output, or end it.
  std::function<void(FakeNode& program, std::string_view input)> on_input = {};
};

/// What the nodes have seen, for the test to look at.
struct Sightings {
  std::vector<int> connected = {};  ///< indices, in the order of the connections' beginning
  std::size_t at_door = 0;          ///< connections being set up now
  std::size_t most_at_door = 0;
  std::size_t sessions = 0;  ///< alive now
  std::size_t most_sessions = 0;
  std::size_t channels = 0;  ///< alive now
  std::map<int, std::string> commands = {};
  std::map<int, std::string> input = {};
  std::map<int, std::vector<std::string>> signals = {};
  std::size_t reads = 0;
};

class FakeConnector : public ssh::Connector {
 public:
  explicit FakeConnector(asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// The node with this index; nodes that were never asked for behave well.
  FakeNode& node(int index) { return nodes_[index]; }
  [[nodiscard]] const Sightings& seen() const { return *seen_; }

  ssh::awaitable<Result<std::unique_ptr<ssh::Session>>> connect(const Node& node, Limit limit,
                                                                ssh::PhaseObserver on_phase) override;

 private:
  asio::any_io_executor executor_;
  std::map<int, FakeNode> nodes_;
  std::shared_ptr<Sightings> seen_ = std::make_shared<Sightings>();
};

/// `count` nodes with indices from 1, ids and addresses.
[[nodiscard]] std::vector<Node> fake_nodes(int count);

}  // namespace ec2mpi::test
