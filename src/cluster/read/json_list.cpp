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
#include "src/cluster/read/instance_rows.hpp"
#include "src/cluster/read/json_ansible.hpp"
#include "src/cluster/read/json_instance.hpp"
#include "src/cluster/read/json_outputs.hpp"
#include "src/cluster/read/json_tape.hpp"
#include "src/cluster/read/unsupported_formats.hpp"

namespace ec2mpi {
namespace {

/// The sign by which an object is taken as an instance, from the surest to the weakest.
enum class Sign { id_and_facts, address, id };

bool has_sign(const JsonInstanceSigns& signs, Sign sign) {
  return sign == Sign::id_and_facts ? signs.has_facts
         : sign == Sign::address    ? signs.has_address
                                    : signs.has_id;
}

/// Reads the outermost objects that have a sign.
class ObjectReader {
 public:
  ObjectReader(const JsonTape& tape, std::string_view source, Sign sign)
      : tape_(tape), source_(source), sign_(sign) {}

  Result<Listing> read() {
    if (tape_.size() > 0 && tape_.at(0).end < tape_.size()) {  // jq -c
      TRY(read_entries([&](auto visit) {
        for (std::size_t root = 0; root < tape_.size(); root = tape_.at(root).end) visit(root);
      }));
    } else if (tape_.size() > 0) {
      TRY(visit(0, false));
    }
    move_elastic_ips();
    return std::move(listing_);
  }

 private:
  std::unexpected<Error> bad(std::size_t i, std::string_view problem) const {
    return bad_list(source_, tape_.at(i).line, problem);
  }

  [[nodiscard]] std::size_t found() const { return listing_.nodes.size() + elastic_.size(); }

  /// Reads the entries of the outermost list. Each is one machine, unless its objects have instance ids;
  /// where one of them is a machine itself, all must be.
  template <class ForEach>
  Result<void> read_entries(ForEach for_each) {
    Result<void> result;
    bool machines = false;
    std::optional<std::size_t> other;
    for_each([&](std::size_t i) {
      const std::size_t before = listing_.nodes.size();
      const std::size_t found_before = found();
      if (!result || !(result = visit(i, true))) return;
      if (sign_ == Sign::address && listing_.nodes.size() > before + 1) {
        result = bad(i,
                     "this entry of the list holds several addresses, and nothing says that they are one "
                     "machine's; write one address a line");
      }
      machines = machines || (listing_.nodes.size() > before && last_read_ == i);
      const bool empty =
          tape_.at(i).kind == JsonTape::Kind::null || (tape_.is_container(i) && tape_.at(i).end == i + 1);
      if (found() == found_before && !other && !empty) other = i;
    });
    TRY(result);
    if (machines && other)
      return bad(*other, "this entry of the list is no machine as the others are; correct it");
    return {};
  }

  Result<void> visit(std::size_t i, bool in_entry) {
    if (!tape_.is_container(i)) return {};
    const JsonInstanceSigns signs = tape_.is_object(i) ? instance_signs(tape_, i) : JsonInstanceSigns{};
    if (signs.elastic_ip) {
      elastic_.push_back(i);
      return {};
    }
    if (has_sign(signs, sign_)) return read_object(i);
    if (!in_entry && tape_.is_array(i))
      return read_entries([&](auto visit_child) { tape_.for_each_in(i, visit_child); });
    const std::size_t before = listing_.nodes.size();
    bool machines = false;
    std::optional<std::size_t> other;
    Result<void> result;
    tape_.for_each_in(i, [&](std::size_t child) {
      const std::size_t found_before = found();
      if (result) result = visit(child, in_entry);
      machines = machines || last_read_ == child;
      if (found() == found_before && !other && holds_machine(child)) other = child;
    });
    TRY(result);
    const bool any = listing_.nodes.size() > before;
    if (!other || !any || (!machines && sign_ != Sign::address && tape_.is_container(*other))) return {};
    return bad(*other, fmt::format("{} holds another address, and may be another machine; write one machine "
                                   "like the other, or one address a line",
                                   in_quotes(tape_.key(*other))));
  }

  /// True for an address, and for a container that holds one under a name of an address, or in a list.
  [[nodiscard]] bool holds_machine(std::size_t i) const {
    if (tape_.is_string(i)) return is_ipv4(tape_.text(i));
    bool found = false;
    for (std::size_t inner = i + 1; inner < tape_.at(i).end && !found; ++inner)
      found = tape_.is_string(inner) && is_ipv4(tape_.text(inner));
    return found;
  }

  Result<void> read_object(std::size_t i) {
    Node node;
    node.line = tape_.at(i).line;
    auto problem = put_members(node, tape_, i);
    if (!problem) problem = another_machine(i, node, false);
    if (problem) return bad(i, fmt::format("{}; correct this entry", *problem));
    listing_.nodes.push_back(std::move(node));
    last_read_ = i;
    return {};
  }

  /// What may be another machine inside the object of one: another id or address in an inner object, or
  /// (without an id) an address under a key that is not known.
  std::optional<std::string> another_machine(std::size_t object, const Node& node, bool inner) const {
    std::optional<std::string> problem;
    tape_.for_each_in(object, [&](std::size_t child) {
      const bool container = tape_.is_container(child);
      if (problem || (!container && !inner && !node.instance_id.empty())) return;
      const Field field = field_of_label(tape_.key(child));
      if (!container) {
        if (inner ? is_address_field(field) || field == Field::instance_id : field == Field::unknown)
          problem = not_own(tape_.text(child), tape_.key(child), node);
      } else if (tape_.is_array(child) && field == Field::unknown && node.instance_id.empty()) {
        tape_.for_each_in(child, [&](std::size_t text) {
          if (!problem && tape_.is_string(text)) problem = not_own(tape_.text(text), tape_.key(child), node);
        });
      }
      if (container && !problem && !describes_one_machine(squashed(tape_.key(child))))
        problem = another_machine(child, node, inner || tape_.is_object(child));
    });
    return problem;
  }

  static bool describes_one_machine(std::string_view key) {
    return key.find("networkinterface") != std::string_view::npos || key.starts_with("tags");
  }

  static std::optional<std::string> not_own(std::string_view text, std::string_view key, const Node& node) {
    const bool other = (is_ipv4(text) && text != node.public_address && text != node.private_address) ||
                       (is_instance_id(text) && text != node.instance_id);
    if (!other) return std::nullopt;
    return fmt::format("{} holds another address or id, {}, and may be another machine", in_quotes(key),
                       text);
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
  Sign sign_;
  Listing listing_;
  std::vector<std::size_t> elastic_;
  std::size_t last_read_ = static_cast<std::size_t>(-1);
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

Result<Listing> read_rows(Grid grid, std::string_view source) {
  const bool ids = std::any_of(grid.cells.begin(), grid.cells.end(), is_instance_id);
  if (ids) {
    // Cells of a single machine, each in a list: one row.
    if (std::ranges::count_if(grid.cells, is_instance_id) == 1 &&
        std::ranges::all_of(grid.rows, [](const Grid::Row& row) { return row.count == 1; })) {
      grid.rows = {{grid.rows.front().line, 0, grid.cells.size()}};
    }
    TRY_AS(instances, cut_at_ids(grid, source));
    return read_columns(*instances, source);
  }
  auto hosts = read_host_rows(grid, source);
  if (hosts) return hosts;
  auto listing = read_rows_without_ids(grid, source);
  return listing && grid.rows.front().count > 1 ? std::move(listing) : std::move(hosts);
}

}  // namespace

Result<Listing> read_json_list(std::string_view text, std::string_view source) {
  TRY_AS(tape, read_json(text, source));
  if (const auto reason = why_json_unsupported(*tape)) return bad_list(source, 1, *reason);
  auto instances = ObjectReader(*tape, source, Sign::id_and_facts).read();
  if (!instances || !instances->nodes.empty()) return instances;
  if (const auto hostvars = find_hostvars(*tape)) return read_ansible(*tape, *hostvars, source);
  for (const Sign sign : {Sign::address, Sign::id}) {
    auto objects = ObjectReader(*tape, source, sign).read();
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
