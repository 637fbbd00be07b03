#pragma once
/// Shows the load of nodes: as a screen that is drawn again and again, as one table, or as JSON.

#include <map>
#include <string>
#include <vector>

#include "ec2mpi/cli/terminal/console.hpp"
#include "ec2mpi/fleet/observer.hpp"
#include "ec2mpi/ops/watch/load.hpp"

namespace ec2mpi::cli {

class TopView : public Observer {
 public:
  TopView(Console& console, std::vector<Node> nodes) : console_(console), nodes_(std::move(nodes)) {}

  void take(const Node& node, const ops::LoadSample& sample);
  void on_finish(const NodeResult& result) override;

  /// Fills the terminal's screen. `late`: after so long without an answer a node is named.
  void draw(Clock::duration late);
  /// For --once, after the last result.
  void print_table();
  void print_json(const FleetReport& report);

 private:
  /// The last answers of a node.
  struct Seen {
    std::optional<ops::LoadSample> sample;
    ops::NodeLoad load;
    std::vector<double> cpu;  ///< the last shares, the oldest first
    Clock::time_point answered = Clock::now();
    std::string trouble;  ///< why it cannot be watched
  };

  [[nodiscard]] std::vector<ops::OddNode> odd_nodes() const;
  [[nodiscard]] std::vector<std::string> table_of(const std::vector<Node>& nodes, bool with_history) const;
  [[nodiscard]] std::vector<std::string> row_of(const Node& node, bool with_history) const;
  [[nodiscard]] std::string totals() const;
  [[nodiscard]] std::vector<std::string> troubles(Clock::duration late) const;

  Console& console_;
  std::vector<Node> nodes_;
  std::map<int, Seen> seen_;  ///< by the node's index
};

}  // namespace ec2mpi::cli
