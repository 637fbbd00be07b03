#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cluster/read/table.hpp"

namespace ec2mpi {

/// The cells of a table one after the other, without the empty ones.
struct CellStream {
  std::vector<std::string_view> cells;
  std::vector<std::size_t> row_of;  ///< row of each cell
  std::vector<std::size_t> ids;     ///< which cells are instance ids

  /// From a row on; with `keep_names`, an empty cell stays if an id follows it: a Name.
  CellStream(const Table& table, std::size_t first_row, bool keep_names) {
    for (std::size_t i = first_row; i < table.rows.size(); ++i) {
      const Cells row = table.row(i);
      for (std::size_t j = 0; j < row.size(); ++j) {
        const bool is_name = keep_names && j + 1 < row.size() && is_instance_id(row[j + 1]);
        if (row[j].empty() && !is_name) continue;
        if (is_instance_id(row[j])) ids.push_back(cells.size());
        cells.push_back(row[j]);
        row_of.push_back(i);
      }
    }
  }
};

}  // namespace ec2mpi
