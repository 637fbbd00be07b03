#include "src/cluster/read/json_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "src/cluster/read/columns.hpp"
#include "src/cluster/read/fields.hpp"
#include "src/cluster/read/grid.hpp"
#include "src/cluster/read/host_list.hpp"
#include "src/cluster/read/json_ansible.hpp"
#include "src/cluster/read/json_instance.hpp"
#include "src/cluster/read/json_outputs.hpp"
#include "src/cluster/read/json_tape.hpp"
#include "src/cluster/read/refused_forms.hpp"
#include "src/cluster/read/segments.hpp"

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

/// Reads the outermost objects that have a sign.
class ObjectReader {
 public:
  ObjectReader(const JsonTape& tape, std::string_view source) : tape_(tape), source_(source) {}

  Result<Listing> read(Sign sign) {
    sign_ = sign;
    const bool several = tape_.size() > 0 && tape_.at(0).end < tape_.size();
    for (std::size_t root = 0; root < tape_.size() && !error_; root = tape_.at(root).end) {
      if (several) {
        visit_entry(root);
      } else {
        visit(root, false);
      }
    }
    if (error_) return std::unexpected(*error_);
    move_elastic_ips();
    return std::move(listing_);
  }

 private:
  /// An entry of the outermost list: one machine, unless its objects have instance ids.
  void visit_entry(std::size_t i) {
    const std::size_t before = listing_.nodes.size();
    visit(i, true);
    if (error_ || sign_ != Sign::address || listing_.nodes.size() < before + 2) return;
    error_ =
        bad_list(
            source_, tape_.at(i).line,
            "this entry of the list holds several addresses, and nothing says that they are one machine's; "
            "write one address a line")
            .error();
  }

  void visit(std::size_t i, bool in_entry) {
    if (error_ || !tape_.is_container(i)) return;
    const JsonInstanceSigns signs = tape_.is_object(i) ? instance_signs(tape_, i) : JsonInstanceSigns{};
    if (signs.elastic_ip) {
      elastic_.push_back(i);
    } else if (has_sign(signs, sign_)) {
      read_object(i);
    } else {
      const bool entries = !in_entry && tape_.is_array(i);
      tape_.for_each_in(i, [&](std::size_t child) { entries ? visit_entry(child) : visit(child, in_entry); });
    }
  }

  void read_object(std::size_t i) {
    Node node;
    node.line = tape_.at(i).line;
    auto problem = put_members(node, tape_, i);
    if (!problem && node.instance_id.empty()) problem = further_address(i, node);
    if (problem)
      error_ = bad_list(source_, node.line, fmt::format("{}; correct this entry", *problem)).error();
    listing_.nodes.push_back(std::move(node));
  }

  /// An address under a key that is not known, beside those that are: another machine's?
  std::optional<std::string> further_address(std::size_t object, const Node& node) const {
    std::optional<std::string> problem;
    const auto look_at = [&](std::size_t value, std::string_view key) {
      const std::string_view text = tape_.is_string(value) ? tape_.text(value) : std::string_view();
      if (!problem && is_ipv4(text) && text != node.public_address && text != node.private_address) {
        problem =
            fmt::format("{} holds another address, {}, and may be another machine", in_quotes(key), text);
      }
    };
    tape_.for_each_in(object, [&](std::size_t child) {
      if (field_of_label(tape_.key(child)) != Field::unknown) return;
      look_at(child, tape_.key(child));
      if (tape_.is_array(child)) {
        tape_.for_each_in(child, [&](std::size_t inner) { look_at(inner, tape_.key(child)); });
      }
    });
    return problem;
  }

  /// An Elastic IP that Terraform gave to an instance later than it noted the instance's own address.
  void move_elastic_ips() {
    std::unordered_map<std::string_view, std::string_view> elastic;
    for (const std::size_t i : elastic_) {
      const ElasticIp ip = elastic_ip_of(tape_, i);
      if (!ip.instance_id.empty()) elastic.emplace(ip.instance_id, ip.address);
    }
    if (elastic.empty()) return;
    for (Node& node : listing_.nodes) {
      const auto found = elastic.find(node.instance_id);
      if (found == elastic.end() || found->second == node.public_address) continue;
      if (!node.public_address.empty()) {
        listing_.notes.push_back(
            fmt::format("the Elastic IP {} of {} is taken, not the address {} that it replaced",
                        found->second, node.instance_id, node.public_address));
      }
      node.public_address = found->second;
    }
  }

  const JsonTape& tape_;
  std::string_view source_;
  Sign sign_ = Sign::id_and_facts;
  Listing listing_;
  std::vector<std::size_t> elastic_;
  std::optional<Error> error_;
};

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
    TRY_AS(segments, cut_at_ids(grid, source));
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
  TRY_AS(tape, read_json(text, source));
  if (const auto reason = why_json_refused(*tape)) return bad_list(source, 1, *reason);
  auto instances = ObjectReader(*tape, source).read(Sign::id_and_facts);
  if (!instances || !instances->nodes.empty()) return instances;
  if (const auto hostvars = find_hostvars(*tape)) return read_ansible(*tape, *hostvars, source);
  for (const Sign sign : {Sign::address, Sign::id}) {
    auto objects = ObjectReader(*tape, source).read(sign);
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
