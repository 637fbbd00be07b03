#pragma once
/// The forms in which the output of a command on many nodes is shown.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cli/terminal/console.hpp"
#include "ec2mpi/fleet/outcome.hpp"

namespace ec2mpi::cli {

class ExecOutput {
 public:
  virtual ~ExecOutput() = default;
  /// The same output in two ways: byte for byte, and cut into lines. Each form uses one of them.
  virtual void bytes(const Node&, ssh::Stream, std::string_view) {}
  virtual void lines(const Node&, ssh::Stream, std::string_view) {}
  /// Called after the last node, with the exit code of the command; prints the output that was kept. One
  /// error for each file that lacks something.
  [[nodiscard]] virtual std::vector<Error> finish(const FleetReport&, int /*exit_code*/) { return {}; }
};

/// How control characters in a node's lines are shown on a terminal; elsewhere the lines stay unchanged.
enum class Controls { shown, raw };

/// Lines as they come: coloured "node1: " on a terminal, "node1<TAB>" in a pipe, nothing in front without
/// labels.
[[nodiscard]] std::unique_ptr<ExecOutput> live_output(Console& console, const std::vector<Node>& nodes,
                                                      bool labels, Controls controls = Controls::shown);

/// Equal outputs under one header; `differences`: the majority's, and how the others differ from it.
[[nodiscard]] std::unique_ptr<ExecOutput> gathered_output(Console& console, std::size_t nodes,
                                                          bool differences,
                                                          Controls controls = Controls::shown);

/// DIR/node1.out and DIR/node1.err. A file that can't be written gets nothing more. Errors: local_io.
[[nodiscard]] Result<std::unique_ptr<ExecOutput>> files_output(const std::filesystem::path& folder,
                                                               const std::vector<Node>& nodes);

/// Names and numbers, for fields of a JSON document.
using Numbers = std::vector<std::pair<std::string, std::uint64_t>>;
using NodeNumbers = std::function<Numbers(const Node& node)>;

/// One JSON document with the outcome, duration, numbers and output of every node. `totals` are the numbers
/// of all nodes together. `dry_run`: the document says that nothing was changed.
[[nodiscard]] std::unique_ptr<ExecOutput> json_output(Console& console, std::size_t nodes,
                                                      std::string command, NodeNumbers numbers = {},
                                                      std::function<Numbers()> totals = {},
                                                      bool dry_run = false);

}  // namespace ec2mpi::cli
