#pragma once
/// setup --undo: takes away the texts that setup wrote.

#include <map>
#include <string>
#include <vector>

#include "ec2mpi/ops/setup/setup.hpp"

namespace ec2mpi::ops {

struct UndoRequest {
  bool dry_run = false;
  PasswordSource password = {};  ///< for sudo; empty: no question
};

/// The texts that were taken away on one node, or would be in a dry run.
struct NodeUndo {
  std::vector<std::string> paths;
  std::string shares;  ///< as in NodeSetup
};

struct UndoEnd {
  FleetReport report;
  std::map<int, NodeUndo> restored;  ///< by index
};

/// Takes away the texts of set_up, byte for byte; packages stay. Lines of other programs stay, even if these
/// change the files at the same time. A dry run changes nothing.
[[nodiscard]] asio::awaitable<UndoEnd> undo_setup(SetupNodes nodes, UndoRequest request, Observer& observer);

}  // namespace ec2mpi::ops
