#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "src/cluster/read/grid.hpp"

namespace ec2mpi {

/// The cells of one instance: some to the left of its id (its Name), the id, the others.
struct InstanceRow {
  int line = 0;           ///< where the id stands
  std::size_t begin = 0;  ///< indices into InstanceRows::cells
  std::size_t id = 0;
  std::size_t end = 0;
};

/// A table cut into instances, however its lines were broken.
struct InstanceRows {
  std::vector<std::string_view> cells;
  std::vector<InstanceRow> list;

  [[nodiscard]] std::span<const std::string_view> left(const InstanceRow& row) const {
    return {cells.data() + row.begin, row.id - row.begin};
  }
  [[nodiscard]] std::span<const std::string_view> right(const InstanceRow& row) const {
    return {cells.data() + row.id + 1, row.end - row.id - 1};
  }
};

/// The rows of a page on which labels and cells stand one after the other, as the console's page is copied:
/// the labels as the first row, then one row for each instance. The text above the labels is left out; they
/// may stand there twice, and a Name may be missing. Nothing if there are no such labels; an error if the
/// cells do not fit them.
[[nodiscard]] std::optional<Result<Grid>> rows_below_labels(const Grid& grid, std::string_view source);

/// Cuts a grid that holds instance ids. One line for each instance if each line has an id in its id column;
/// otherwise instances that run over several lines, or follow each other on one, all in the same way: the
/// cell before an id is that instance's Name. Errors: lines that belong to no instance, instances of unequal
/// shape, two columns that could both be the id.
[[nodiscard]] Result<InstanceRows> cut_at_ids(const Grid& grid, std::string_view source);

}  // namespace ec2mpi
