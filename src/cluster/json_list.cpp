#include "ec2mpi/cluster/json_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "ec2mpi/cluster/columns.hpp"
#include "ec2mpi/cluster/ec2_words.hpp"
#include "ec2mpi/cluster/grid.hpp"
#include "ec2mpi/cluster/host_list.hpp"
#include "ec2mpi/cluster/json_ansible.hpp"
#include "ec2mpi/cluster/json_instance.hpp"
#include "ec2mpi/cluster/json_outputs.hpp"
#include "ec2mpi/cluster/json_tape.hpp"
#include "ec2mpi/cluster/quote.hpp"
#include "ec2mpi/cluster/segments.hpp"

namespace ec2mpi {
namespace {

/// What an object must have to be taken as an instance, from the surest sign to the weakest.
enum class Sign { id_and_facts, address, id };

bool has_sign(const JsonInstanceSigns& signs, Sign sign) {
  switch (sign) {
    case Sign::id_and_facts:
      return signs.has_facts;
    case Sign::address:
      return signs.has_address;
    case Sign::id:
      return signs.has_id;
  }
  return false;
}

/// The outermost objects that have the sign.
Result<Listing> read_objects(const JsonTape& tape, Sign sign, std::string_view source) {
  Listing out;
  for (std::size_t i = 0; i < tape.size();) {
    if (!tape.is_object(i) || !has_sign(instance_signs(tape, i), sign)) {
      ++i;
      continue;
    }
    Node node;
    node.line = tape.at(i).line;
    if (const auto problem = put_members(node, tape, i)) {
      return bad_list(source, node.line, fmt::format("{}; correct this entry", *problem));
    }
    out.nodes.push_back(std::move(node));
    i = tape.at(i).end;
  }
  return out;
}

/// A scalar, or the only scalar of a list such as `Tags[?Key=='Name'].Value`; empty for anything else.
std::string_view cell_text(const JsonTape& tape, std::size_t value) {
  if (!tape.is_array(value)) return tape.text(value);
  const std::size_t only = value + 1;
  if (tape.at(value).end != only + 1 || tape.is_container(only)) return {};
  return tape.text(only);
}

bool holds_scalar(const JsonTape& tape, std::size_t array) {
  bool found = false;
  tape.for_each_in(array, [&](std::size_t child) { found = found || !tape.is_container(child); });
  return found;
}

/// Arrays that hold scalars directly, outermost first. A single array of scalars outside all others is a
/// column: each of its values is a row.
Grid rows_of(const JsonTape& tape) {
  Grid grid;
  grid.separator = Separator::tab;
  const auto begin_row = [&](std::size_t i) { grid.rows.push_back({tape.at(i).line, grid.cells.size(), 0}); };
  const auto add = [&](std::size_t i) {
    grid.cells.push_back(cell_text(tape, i));
    ++grid.rows.back().count;
  };
  const bool column =
      tape.size() > 0 && tape.is_array(0) && tape.at(0).end == tape.size() && holds_scalar(tape, 0);
  for (std::size_t i = column ? 1 : 0; i < tape.size();) {
    const bool row = tape.is_array(i) && holds_scalar(tape, i);
    if (row || !tape.is_container(i)) {
      begin_row(i);
      if (row) tape.for_each_in(i, add);
      if (!row) add(i);
      i = tape.at(i).end;
    } else {
      ++i;
    }
  }
  return grid;
}

/// One row of cells can be meant for one machine only if it says more than the others of its kind.
bool is_one_instance(const Grid& grid) {
  return std::count_if(grid.cells.begin(), grid.cells.end(), is_instance_id) == 1;
}

Grid as_one_row(Grid grid) {
  grid.rows.resize(1);
  grid.rows.front().count = grid.cells.size();
  return grid;
}

Result<Listing> read_rows(Grid grid, std::string_view source) {
  const bool ids = std::any_of(grid.cells.begin(), grid.cells.end(), is_instance_id);
  if (ids) {
    if (is_one_instance(grid) &&
        std::all_of(grid.rows.begin(), grid.rows.end(), [](const auto& r) { return r.count == 1; })) {
      grid = as_one_row(std::move(grid));
    }
    const auto segments = cut_at_ids(grid, source);
    if (!segments) return std::unexpected(segments.error());
    return read_columns(*segments, source);
  }
  std::vector<HostRow> rows;
  for (std::size_t i = 0; i < grid.rows.size(); ++i) {
    const auto cells = grid.row(i);
    rows.push_back({grid.rows[i].line, {cells.begin(), cells.end()}});
  }
  auto hosts = read_host_rows(rows, source);
  if (hosts) return hosts;
  auto listing = read_rows_without_ids(grid, source);
  return listing && grid.rows.front().count > 1 ? std::move(listing) : std::move(hosts);
}

}  // namespace

Result<Listing> read_json_list(std::string_view text, std::string_view source) {
  const auto tape = read_json(text, source);
  if (!tape) return std::unexpected(tape.error());
  auto instances = read_objects(*tape, Sign::id_and_facts, source);
  if (!instances || !instances->nodes.empty()) return instances;
  if (const auto hostvars = find_hostvars(*tape)) return read_ansible(*tape, *hostvars, source);
  for (const Sign sign : {Sign::address, Sign::id}) {
    auto objects = read_objects(*tape, sign, source);
    if (!objects || !objects->nodes.empty()) return objects;
  }
  if (tape->is_object(0)) return read_json_outputs(*tape, source);
  const Grid grid = rows_of(*tape);
  if (grid.rows.empty()) {
    return bad_list(
        source, 0, "this JSON list is empty; does the --query fit, and does --region name the right region?");
  }
  return read_rows(grid, source);
}

}  // namespace ec2mpi
