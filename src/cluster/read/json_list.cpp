#include "src/cluster/read/json_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/read/state_words.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "src/cluster/read/fields.hpp"
#include "src/cluster/read/host_list.hpp"
#include "src/cluster/read/json_record.hpp"
#include "src/cluster/read/table_readers.hpp"
#include "src/cluster/read/unsupported_formats.hpp"

namespace ec2mpi {
namespace {

/// The sign by which an object is taken as a machine, from the surest to the weakest.
using Sign = bool RecordSigns::*;

using Parts = std::vector<std::size_t>;

Parts parts_of(const JsonTape& tape, std::size_t container) {
  Parts out;
  tape.for_each_in(container, [&](std::size_t child) { out.push_back(child); });
  return out;
}

Parts roots_of(const JsonTape& tape) {
  Parts out;
  for (std::size_t root = 0; root < tape.size(); root = tape.at(root).end) out.push_back(root);
  return out;
}

/// Reads the outermost objects that have a sign.
class RecordReader {
 public:
  RecordReader(const JsonTape& tape, std::string_view source, Sign sign)
      : tape_(tape), source_(source), sign_(sign) {}

  Result<Listing> read() {
    const Parts roots = roots_of(tape_);
    if (roots.size() > 1) TRY(read_parts(roots, Parent::list));  // jq -c
    if (roots.size() == 1) TRY(visit(0, Parent::none));
    move_elastic_ips();
    note_unused(listing_, unused_);
    return std::move(listing_);
  }

 private:
  /// Where a value stands: outside the outermost list, directly in that, or deeper inside.
  enum class Parent { none, list, entry };

  std::unexpected<Error> bad(std::size_t i, std::string_view problem) const {
    return bad_list(source_, tape_.at(i).line, problem);
  }

  [[nodiscard]] std::size_t found() const { return listing_.nodes.size() + elastic_.size(); }

  Result<void> visit(std::size_t i, Parent parent) {
    if (!tape_.is_container(i)) return {};
    const RecordSigns signs =
        tape_.is_object(i) ? signs_of_record(tape_, i, parent == Parent::list) : RecordSigns{};
    // Kept for the end: the instance that has this address may stand further down.
    if (signs.elastic_ip) elastic_.push_back(i);
    if (signs.elastic_ip) return {};
    if (signs.*sign_) return read_record(i);
    const std::size_t before = listing_.nodes.size();
    TRY(read_parts(parts_of(tape_, i), parent != Parent::none ? Parent::entry
                                       : tape_.is_array(i)    ? Parent::list
                                                              : Parent::none));
    const std::span<Node> inside = std::span(listing_.nodes).subspan(before);
    give_state(inside, tape_.key(i));
    const bool one_machine = inside.size() == 1 || parent != Parent::list;
    if (signs.has_state && one_machine &&
        std::ranges::any_of(inside, [](const Node& node) { return node.state.empty(); }))
      return bad(i, "the state stands here and the address in an object inside; write them side by side");
    return {};
  }

  /// `{"stopped": [...]}`: the name of the container says it of the machines inside.
  static void give_state(std::span<Node> nodes, std::string_view key) {
    const auto state = state_word(key);
    if (!state || state->use != StateWord::Use::anywhere) return;
    for (Node& node : nodes) {
      // Of two states the one that does not run counts.
      if (node.state.empty() || !state->running) node.state = key;
    }
  }

  /// Reads the parts of a container. An entry of the outermost list is one machine, unless its objects have
  /// instance ids. Where one part is a machine itself, all must be, or at least hold no address.
  Result<void> read_parts(const Parts& parts, Parent parent) {
    const std::size_t before = listing_.nodes.size();
    const bool in_list = parent == Parent::list;
    bool machines = false;
    std::optional<std::size_t> other;
    for (const std::size_t part : parts) {
      const std::size_t nodes_before = listing_.nodes.size(), found_before = found();
      TRY(visit(part, parent));
      if (in_list && by_address() && listing_.nodes.size() > nodes_before + 1) {
        return bad(part,
                   "this entry of the list holds several addresses, and nothing says that they are one "
                   "machine's; write one address a line");
      }
      machines = machines || (listing_.nodes.size() > nodes_before && last_read_ == part);
      if (found() == found_before && !other && (in_list ? !is_empty(part) : holds_address(part)))
        other = part;
    }
    if (!other || listing_.nodes.size() == before) return {};
    if (in_list && machines)
      return bad(*other, "this entry of the list is no machine as the others are; correct it");
    if (in_list || (!machines && !by_address() && tape_.is_container(*other))) return {};
    return bad(*other, fmt::format("{} holds another address, and may be another machine; write one machine "
                                   "like the other, or one address a line",
                                   in_quotes(tape_.key(*other))));
  }

  [[nodiscard]] bool by_address() const { return sign_ == &RecordSigns::has_address; }

  [[nodiscard]] bool is_empty(std::size_t i) const {
    return tape_.at(i).kind == JsonTape::Kind::null || (tape_.is_container(i) && tape_.at(i).end == i + 1);
  }

  [[nodiscard]] bool holds_address(std::size_t i) const {
    for (std::size_t inner = i; inner < tape_.at(i).end; ++inner) {
      if (tape_.is_string(inner) && is_ipv4(tape_.text(inner))) return true;
    }
    return false;
  }

  Result<void> read_record(std::size_t i) {
    Node node;
    node.line = tape_.at(i).line;
    auto problem = put_record(node, tape_, i, unused_);
    if (!problem) problem = find_other_machine(node, tape_, i);
    if (problem) return bad(i, fmt::format("{}; correct this entry", *problem));
    listing_.nodes.push_back(std::move(node));
    last_read_ = i;
    return {};
  }

  /// The address of each instance for which there is an Elastic IP.
  [[nodiscard]] std::unordered_map<std::string_view, std::string_view> elastic_ips() const {
    std::unordered_map<std::string_view, std::string_view> out;
    for (const std::size_t object : elastic_) {
      std::string_view address, instance;
      tape_.for_each_in(object, [&](std::size_t child) {
        const std::string_view text = tape_.is_string(child) ? tape_.text(child) : "";
        if (field_of_label(tape_.key(child)) == Field::public_v4 && is_ipv4(text)) address = text;
        if (is_instance_id(text)) instance = text;
      });
      if (!instance.empty()) out.emplace(instance, address);
    }
    return out;
  }

  /// An Elastic IP that Terraform gave to an instance later than it noted the instance's own address.
  void move_elastic_ips() {
    const auto elastic = elastic_ips();
    for (Node& node : listing_.nodes) {
      const auto ip = elastic.find(node.instance_id);
      if (ip == elastic.end() || ip->second == node.public_address) continue;
      if (!node.public_address.empty()) {
        listing_.notes.push_back(
            fmt::format("the Elastic IP {} of {} is taken, not the address {} that it replaced", ip->second,
                        node.instance_id, node.public_address));
      }
      node.public_address = ip->second;
    }
  }

  const JsonTape& tape_;
  std::string_view source_;
  Sign sign_;
  Listing listing_;
  Parts elastic_;
  std::set<std::string> unused_;  ///< members that say how to log in
  std::size_t last_read_ = static_cast<std::size_t>(-1);
};

/// A scalar, or the only scalar of a list such as `Tags[?Key=='Name'].Value`; empty for anything else.
std::string_view cell_text(const JsonTape& tape, std::size_t value) {
  if (!tape.is_array(value)) return tape.text(value);
  const std::size_t only = value + 1;
  return tape.at(value).end == only + 1 && !tape.is_container(only) ? tape.text(only) : std::string_view();
}

bool holds_scalar(const JsonTape& tape, std::size_t array) {
  return std::ranges::any_of(parts_of(tape, array),
                             [&](std::size_t child) { return !tape.is_container(child); });
}

/// Arrays that hold scalars directly, outermost first. A single array of scalars outside all others is a
/// column: each of its values is a row.
Table rows_of(const JsonTape& tape) {
  Table table;
  table.separator = Separator::tab;
  const bool column =
      tape.size() > 0 && tape.is_array(0) && tape.at(0).end == tape.size() && holds_scalar(tape, 0);
  for (std::size_t i = column ? 1 : 0; i < tape.size();) {
    const bool row = tape.is_array(i) && holds_scalar(tape, i);
    if (tape.is_container(i) && !row) {
      ++i;
      continue;
    }
    table.begin_row(tape.at(i).line);
    for (const std::size_t cell : row ? parts_of(tape, i) : Parts{i}) table.add(cell_text(tape, cell));
    i = tape.at(i).end;
  }
  return table;
}

Result<Listing> read_rows(Table table, std::string_view source) {
  const auto ids = std::ranges::count_if(table.cells, is_instance_id);
  if (ids > 0) {
    const bool one_machine = std::ranges::all_of(table.rows, [](const auto& row) { return row.count == 1; });
    // One id and single values: a column that holds the values of one machine.
    if (ids == 1 && one_machine) table.rows = {{table.rows.front().line, 0, table.cells.size()}};
    TRY_AS(instances, cut_at_ids(std::move(table), source));
    return read_instances(*instances, source);
  }
  auto hosts = read_host_rows(table, source);
  if (hosts) return hosts;
  auto listing = read_rows_without_ids(table, source);
  // Rows of one cell have no columns, so the error of the hosts says more.
  return listing && table.rows.front().count > 1 ? std::move(listing) : std::move(hosts);
}

}  // namespace

Result<Listing> read_json_list(std::string_view text, std::string_view source) {
  TRY_AS(tape, read_json(text, source));
  if (const auto reason = why_json_unsupported(*tape)) return bad_list(source, 1, *reason);
  if (const auto hostvars = find_hostvars(*tape)) return read_ansible(*tape, *hostvars, source);
  // The weaker sign is tried only if no object has the stronger one: inside an
  // instance, objects such as its network interfaces hold addresses, too.
  for (const Sign sign : {&RecordSigns::has_facts, &RecordSigns::has_address, &RecordSigns::has_id}) {
    auto records = RecordReader(*tape, source, sign).read();
    if (!records || !records->nodes.empty()) return records;
  }
  if (tape->is_object(0)) return read_json_outputs(*tape, source);
  Table table = rows_of(*tape);
  if (!table.rows.empty()) return read_rows(std::move(table), source);
  return bad_list(source, 0,
                  "this JSON list is empty; does the --query fit, and does --region name the right region?");
}

}  // namespace ec2mpi
