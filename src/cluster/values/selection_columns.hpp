#pragma once
/// The columns of the list by which a selection may name nodes: type=c5n.*.

#include <string>
#include <string_view>

#include "ec2mpi/cluster/values/node.hpp"

namespace ec2mpi {

struct SelectionColumn {
  std::string_view name;
  std::string (*text)(const Node&);
  bool case_counts = false;  ///< two machines may be called A and a
};

/// Under the names of `ec2mpi nodes` and its JSON; nullptr if there is no such column.
[[nodiscard]] const SelectionColumn* column_called(std::string_view small_name);

/// "index, role, name, ..." for messages.
[[nodiscard]] std::string names_of_columns();

}  // namespace ec2mpi
