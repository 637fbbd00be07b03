#pragma once
/// Shows a command on many nodes while it runs: lines with the node's name, the nodes that it waits for, and
/// failures.

#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ec2mpi/cli/terminal/console.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/cli/views/exec_output.hpp"
#include "ec2mpi/fleet/observer.hpp"

namespace ec2mpi::cli {

class FleetView : public Observer {
 public:
  struct Style {
    bool labels = true;                          ///< the node's name in front of each line
    bool quiet = false;                          ///< no summary when all went well
    bool json_lines = false;                     ///< events as JSON on standard output, no lines of nodes
    bool all_nodes = false;                      ///< names each node of a long list
    std::string doing = {};                      ///< "push", ...; stands in the progress line
    std::function<std::string()> progress = {};  ///< stands for the bytes in the progress line
    std::function<std::string()> detail = {};    ///< stands for the bytes in the last line
  };

  FleetView(Console& console, const asio::any_io_executor& executor, const std::vector<Node>& nodes,
            Style style);
  ~FleetView() override;

  void on_phase(const Node& node, ssh::Phase phase) override;
  void on_output(const Node& node, ssh::Stream stream, std::string_view bytes) override;
  void on_lines(const Node& node, ssh::Stream stream, std::string_view lines) override;
  void on_bytes(const Node& node, std::uint64_t bytes) override;
  void on_finish(const NodeResult& result) override;
  asio::awaitable<void> ready(Limit limit) override;

  /// The present work of a node, for the progress line; "" removes it.
  void note(const Node& node, std::string doing);

  /// One event for --json-lines; nothing without it.
  void emit(std::string_view event, const Json& fields);

  /// Shows the nodes' lines in another form than live.
  void set_output(std::unique_ptr<ExecOutput> output) { output_ = std::move(output); }

  /// After the last result: the output that was kept, the failures, and a summary.
  void summarize(const FleetReport& report, int exit_code);

  /// "It may still run on node[3,7].", for leaving at once; empty if nothing does.
  [[nodiscard]] std::string still_running() const;

 private:
  void tick_after(Clock::duration wait);
  void tick();
  [[nodiscard]] std::size_t nodes_done() const;
  void show_last_line(const FleetReport& report);
  [[nodiscard]] std::string label_of(const std::vector<int>& indices) const;
  [[nodiscard]] std::size_t place_of(const Node& node) const;
  [[nodiscard]] std::string progress() const;
  [[nodiscard]] std::string amount(const std::function<std::string()>& words) const;

  Console& console_;
  Style style_;
  std::vector<int> indices_;        ///< of the nodes taking part, ascending
  std::vector<ssh::Phase> phases_;  ///< by position in indices_
  std::vector<std::string> notes_;  ///< likewise
  std::unique_ptr<ExecOutput> output_;
  std::size_t failed_ = 0;
  std::uint64_t bytes_ = 0;
  Clock::time_point started_;
  asio::steady_timer timer_;
  std::shared_ptr<int> life_ = std::make_shared<int>();  ///< a tick that is due already cannot be cancelled
};

}  // namespace ec2mpi::cli
