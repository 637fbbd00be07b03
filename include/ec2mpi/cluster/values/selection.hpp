#pragma once
/// Which nodes a command is for. One grammar for `-w`, `-x` and every argument that names nodes:
///
///   selection = term { "," term }            e.g. 1,3-5,!4
///   term      = [ "!" ] set                  "!" takes the set away; only "!" terms begin with all
///   set       = "all" | "master" | "workers"
///             | N | N-M                      by index; 1 is the first line of the list, and the master
///             | -N                           the last N of the list
///             | "node" N                     by the label that ec2mpi prints
///             | "node[1-3,5]" | NAME"[08-10]" by labels or names with such numbers
///             | GLOB                         by label, name or address: node*, ip-10-0-*
///             | COLUMN "=" GLOB              by a column of `ec2mpi nodes`: type=c5n.*, id=i-05*; * and ? as
///             in a
///                                            shell; letter case counts in names only
///             | "@" GROUP                    a selection from [groups] of ec2mpi.toml
///             | "failed"                     what failed in the last command
///             | "i-" HEX                     an instance id or its beginning, if that means one node
///             | ADDRESS | NAME               any of its addresses, or its name in the list
///
/// A selection may also be a failure as ec2mpi prints it: "node[1-3,5] (4): exit 1".
///
/// A term that matches nothing is an error, not an empty set: it is nearly always a typing mistake.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/inventory.hpp"

namespace ec2mpi {

/// What selections may refer to beyond the list itself.
struct SelectionContext {
  std::map<std::string, std::string> groups = {};  ///< name to selection text
  std::optional<std::vector<std::string>> failed =
      {};  ///< node keys of the last command's failures, if any is known
  /// By node_key: addresses and names that the list does not have, such as those that setup has found.
  std::map<std::string, std::vector<std::string>> other_names = {};
  bool as_named = false;  ///< the nodes in the order in which `wanted` names them, else in the list's
};

/// What identifies a node from one command to the next: instance id, else address.
[[nodiscard]] std::string node_key(const Node& node);

/// The nodes of `wanted` (all if empty) without those of `excluded`. Errors: usage.
[[nodiscard]] Result<std::vector<Node>> select_nodes(const Inventory& inventory,
                                                     const std::vector<std::string>& wanted,
                                                     const std::vector<std::string>& excluded,
                                                     const SelectionContext& context = {});

/// Indices as a selection, shortest form: {1,2,3,6} gives "1-3,6".
[[nodiscard]] std::string fold_indices(const std::vector<int>& unsorted);

}  // namespace ec2mpi
