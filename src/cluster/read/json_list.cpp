#include "src/cluster/read/json_list.hpp"

#include <algorithm>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/read/state_words.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cluster/read/readers.hpp"

namespace ec2mpi {
namespace {

/// The sign by which an object is taken as a machine, from the surest to the weakest.
using Sign = bool RecordSigns::*;

using Siblings = JsonTape::Siblings;

/// A resource of Terraform's state that is no machine, such as a NAT gateway, a reserved address or a
/// database: its "type" says so.
bool is_other_resource(const JsonTape& tape, std::size_t object) {
  constexpr std::string_view kMachines[] = {"instance", "machine", "droplet", "server", "vm"};
  if (!tape.is_object(object)) return false;
  const auto type = tape.member(object, "type");
  const bool resource =
      tape.member(object, "instances") || tape.member(object, "values") || tape.member(object, "primary");
  if (!type || !resource || !tape.text(*type).contains('_')) return false;
  bool machine = false;
  for (const std::string_view word : split(tape.text(*type), '_')) {
    if (part_of_name(word) == NamePart::helper) return true;
    machine = machine || std::ranges::find(kMachines, word) != std::end(kMachines);
  }
  return !machine;
}

/// JSON has no comments, so people put a member out of use by its name.
bool is_comment(std::string_view key) {
  return key.starts_with('#') || key.starts_with(';') || key.starts_with("//") || key.starts_with("_comment");
}

/// The state in the name of a list of machines: "stopped", "disabled_nodes". Empty if it says none.
std::string_view state_in_name(std::string_view key) {
  for (const std::string_view word :
       {key, key.substr(0, key.find_first_of("_- ")), key.substr(key.find_last_of("_- ") + 1)}) {
    const Field field = field_of_column(word);
    const auto state = state_word(word);
    if (field == Field::not_running) return word;
    if (state && (state->use == StateWord::Use::anywhere || field == Field::state)) return word;
  }
  return {};
}

/// The name by which a container shows that it holds a bastion, a NAT gateway or the like, and no nodes: its
/// key, or in Terraform's state the name of the resource or its module. Empty for any other value.
std::string_view name_of_helper(const JsonTape& tape, std::size_t container) {
  const auto is_helper = [](std::string_view name) { return role_of_name(name) == NamePart::helper; };
  if (!tape.is_container(container)) return {};
  const std::string_view key = tape.key(container);
  if (is_helper(key) || is_comment(key)) return key;
  const auto has = [&](std::string_view member) { return tape.member(container, member).has_value(); };
  const bool of_state = has("instances") || has("values") || has("attributes") || has("resources");
  if (!of_state || is_other_resource(tape, container)) return {};
  for (const std::string_view member : {"name", "index_key", "index", "module", "address"}) {
    const auto value = tape.member(container, member);
    // "module.bastion", "aws_instance.bastion": the last part is the name.
    const std::string_view name = value && tape.is_string(*value) ? tape.text(*value) : "";
    if (is_helper(name.substr(name.rfind('.') + 1))) return name;
  }
  return {};
}

/// Reads the outermost objects that have a sign.
class RecordReader {
 public:
  RecordReader(const JsonTape& tape, Sign sign) : tape_(tape), sign_(sign) {}

  Read<Listing> read() {
    // `jq -c` writes one value behind the other: the entries of a list.
    const bool one_root = tape_.size() > 0 && tape_.at(0).end == tape_.size();
    TRY(read_parts(tape_.roots(), one_root ? Parent::none : Parent::list, !one_root));
    if (sign_ != &RecordSigns::has_id) TRY(read_lost());
    move_elastic_ips();
    TRY(note_unused(listing_, logins_));
    helpers_.note(listing_);
    return std::move(listing_);
  }

 private:
  /// Where a value stands: outside the outermost list, directly in that, or deeper inside.
  enum class Parent { none, list, entry };

  /// Returns the signs of the container, from which the one around it learns whether a machine is inside.
  Read<RecordSigns> visit(std::size_t i, Parent parent) {
    if (!tape_.is_container(i)) return {};
    const RecordSigns signs =
        tape_.is_object(i) ? signs_of_record(tape_, i, parent == Parent::list) : RecordSigns{};
    const bool record = signs.*sign_ && !signs.elastic_ip;
    if (signs.elastic_ip) keep_elastic_ip(i);
    if (record) TRY(read_record(i));
    if (record || signs.elastic_ip) return signs;
    const std::size_t before = listing_.nodes.size();
    Parent inner = Parent::entry;
    if (parent == Parent::none) inner = tape_.is_array(i) ? Parent::list : Parent::none;
    TRY(read_parts(tape_.inside(i), inner, tape_.is_array(i)));
    const std::span<Node> inside = std::span(listing_.nodes).subspan(before);
    give_state(inside, tape_.key(i));
    const bool one_machine = inside.size() == 1 || parent != Parent::list;
    if (signs.has_state && one_machine &&
        std::ranges::any_of(inside, [](const Node& node) { return node.state.empty(); }))
      return refuse(tape_.at(i).line, kStateOutside);
    return signs;
  }

  /// `{"stopped": [...]}`: the name of the container says it of the machines inside.
  static void give_state(std::span<Node> nodes, std::string_view key) {
    const std::string_view word = state_in_name(key);
    const auto state = state_word(word);
    for (Node& node : nodes) {
      // Of two states the one that does not run counts.
      if (!word.empty() && (node.state.empty() || !state || !state->running)) node.state = word;
    }
  }

  /// Reads the parts of a container. An entry of the outermost list is one machine, unless its objects have
  /// instance ids. Where one part is a machine itself, all must be, or at least hold no address.
  Read<void> read_parts(Siblings parts, Parent parent, bool array) {
    const std::size_t before = listing_.nodes.size(), stateful_before = stateful_.size();
    const bool in_list = parent == Parent::list;
    bool machines = false;
    std::optional<std::size_t> other;
    for (const std::size_t part : parts) {
      if ((by_address() && is_other_resource(tape_, part)) || is_helper(part)) continue;
      const std::size_t nodes_before = listing_.nodes.size(), found_before = found_;
      const std::size_t lost_before = lost_.size(), part_before = stateful_.size();
      TRY_AS(signs, visit(part, parent));
      if (in_list && by_address() && listing_.nodes.size() > nodes_before + 1)
        return refuse(tape_.at(part).line, kSeveralInEntry);
      machines = machines || (listing_.nodes.size() > nodes_before && last_read_ == part);
      if (lost_.size() + stateful_.size() > lost_before + part_before && is_other_resource(tape_, part)) {
        lost_.resize(lost_before);
        stateful_.resize(part_before);
      }
      if (found_ > found_before) continue;
      const bool lost = (signs->has_id || signs->has_state) && !holds_address(part);
      if (lost) (signs->has_id ? lost_ : stateful_).push_back(part);
      if (!other && (in_list ? !is_empty(part) : holds_address(part))) other = part;
    }
    const bool found = listing_.nodes.size() > before;
    // Beside machines, or in a list with some, an object with a state is one that has lost its address.
    if (machines || (array && found))
      lost_.insert(lost_.end(), stateful_.begin() + static_cast<std::ptrdiff_t>(stateful_before),
                   stateful_.end());
    if (machines || array) stateful_.resize(stateful_before);
    if (!other || !found) return {};
    if (in_list && machines) return refuse(tape_.at(*other).line, kNoMachine);
    if (in_list || (!machines && !by_address() && tape_.is_container(*other))) return {};
    return refuse(tape_.at(*other).line, kOtherAddress, in_quotes(tape_.key(*other)));
  }

  /// True for what stands beside a cluster; a note says so if it holds a machine.
  bool is_helper(std::size_t part) {
    const std::string_view name = name_of_helper(tape_, part);
    if (!name.empty() && holds_machine(part)) helpers_.add(name);
    return !name.empty();
  }

  /// Machines without an address stand beside others like the rows of a table: one that runs is refused, one
  /// that does not is left out.
  Read<void> read_lost() {
    std::unordered_set<std::string> known;
    for (const Node& node : listing_.nodes) {
      if (!lost_.empty()) known.insert(node.instance_id);
    }
    if (known.empty()) return {};
    for (const std::size_t i : lost_) {
      TRY(read_record(i));
      // Other objects name an instance too, such as the attachment of its volume.
      const std::string& id = listing_.nodes.back().instance_id;
      if (!id.empty() && known.contains(id)) listing_.nodes.pop_back();
    }
    return {};
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

  [[nodiscard]] bool holds_machine(std::size_t i) const {
    for (std::size_t inner = i; inner < tape_.at(i).end; ++inner) {
      const std::string_view text = tape_.is_string(inner) ? tape_.text(inner) : "";
      if (is_ipv4(text) || is_instance_id(text)) return true;
      if (is_address_field(field_of_label(tape_.key(inner))) && !is_blank_cell(text)) return true;
    }
    return false;
  }

  /// The object is a machine: refused if a member may belong to another one.
  Read<void> read_record(std::size_t i) {
    Node& node = listing_.nodes.emplace_back();
    node.line = tape_.at(i).line;
    auto problem = put_record(node, tape_, i, logins_);
    if (!problem) problem = find_other_machine(node, tape_, i);
    if (problem) return refuse(node.line, kCorrectEntry, *problem);
    ++found_;
    last_read_ = i;
    return {};
  }

  /// For the end: the instance that has this address may stand further down.
  void keep_elastic_ip(std::size_t object) {
    std::string_view address, instance;
    for (const std::size_t child : tape_.inside(object)) {
      const std::string_view text = tape_.is_string(child) ? tape_.text(child) : "";
      if (field_of_label(tape_.key(child)) == Field::public_v4 && is_ipv4(text)) address = text;
      if (is_instance_id(text)) instance = text;
    }
    ++found_;
    if (!instance.empty()) elastic_.emplace(instance, address);
  }

  /// An Elastic IP that Terraform gave to an instance later than it noted the instance's own address.
  void move_elastic_ips() {
    for (Node& node : listing_.nodes) {
      const auto ip = elastic_.find(node.instance_id);
      if (ip == elastic_.end() || ip->second == node.public_address) continue;
      const std::string& old = node.public_address;
      if (!old.empty()) listing_.notes.push_back(fmt::format(kElasticIp, ip->second, node.instance_id, old));
      node.public_address = ip->second;
    }
  }

  const JsonTape& tape_;
  Sign sign_;
  Listing listing_;
  std::size_t found_ = 0;              ///< machines and Elastic IPs
  std::vector<std::size_t> lost_;      ///< objects that have an id or a state, and no address
  std::vector<std::size_t> stateful_;  ///< objects with a state that are machines if others beside them are
  std::unordered_map<std::string_view, std::string_view> elastic_;  ///< from instance id to Elastic IP
  LoginColumns logins_;                                             ///< members that say how to log in
  Helpers helpers_;
  std::size_t last_read_ = static_cast<std::size_t>(-1);
};

/// A scalar, the only scalar of a list such as `Tags[?Key=='Name'].Value`, or the state in an object; empty
/// for anything else.
std::string_view cell_text(const JsonTape& tape, std::size_t value) {
  if (!tape.is_container(value)) return tape.text(value);
  const std::size_t only = value + 1;
  if (tape.is_array(value) && tape.at(value).end == only + 1 && !tape.is_container(only))
    return tape.text(only);
  const InnerState state = state_inside(tape, value);
  return state.alone ? state.word : std::string_view();
}

bool holds_scalar(const JsonTape& tape, std::size_t array) {
  for (const std::size_t child : tape.inside(array)) {
    if (!tape.is_container(child)) return true;
  }
  return false;
}

/// Arrays that hold scalars directly, outermost first. A single array of scalars outside all others is a
/// column: each of its values is a row.
Read<Table> rows_of(const JsonTape& tape) {
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
    for (const std::size_t cell : row ? tape.inside(i) : Siblings{&tape, i, tape.at(i).end}) {
      const InnerState state = tape.is_container(cell) ? state_inside(tape, cell) : InnerState{};
      if (!state.alone && may_have_stopped(state))
        return refuse(tape.at(cell).line, kUnclearState, "this entry", in_quotes(state.word));
      table.add(cell_text(tape, cell));
    }
    i = tape.at(i).end;
  }
  return table;
}

Read<Listing> read_rows(Table table) {
  const auto ids = std::ranges::count_if(table.cells, is_instance_id);
  if (ids > 0) {
    const bool one_machine = std::ranges::all_of(table.rows, [](const auto& row) { return row.count == 1; });
    // One id and single values: a column that holds the values of one machine.
    if (ids == 1 && one_machine) table.rows = {{table.rows.front().line, 0, table.cells.size()}};
    TRY_AS(instances, cut_at_ids(std::move(table)));
    return read_instances(*instances);
  }
  auto hosts = read_host_rows(table);
  if (hosts) return hosts;
  auto listing = read_rows_without_ids(table);
  // Rows of one cell have no columns, so the error of the hosts says more.
  return listing && table.rows.front().count > 1 ? std::move(listing) : std::move(hosts);
}

std::unexpected<Refusal> refuse_json(const TextFault& fault) {
  if (fault.problem.empty()) return refuse(fault.line, kJsonCutOff);
  if (fault.problem.contains("parsing value - unexpected ']'")) return refuse(fault.line, kJsonComma);
  return refuse(fault.line, kBadJson, in_quotes(fault.problem, 160));
}

}  // namespace

Read<Listing> read_json_list(std::string_view text) {
  const auto tape = read_json(text);
  if (!tape) return refuse_json(tape.error());
  if (const auto reason = why_json_unsupported(*tape)) return refuse(1, "{}", *reason);
  const auto meta = tape->size() > 0 ? tape->member(0, "_meta") : std::nullopt;
  const auto hostvars = meta ? tape->member(*meta, "hostvars") : std::nullopt;
  if (hostvars && tape->is_object(*hostvars)) return read_ansible(*tape, *hostvars);
  // The weaker sign is tried only if no object has the stronger one: inside an
  // instance, objects such as its network interfaces hold addresses, too.
  for (const Sign sign : {&RecordSigns::has_facts, &RecordSigns::has_address, &RecordSigns::has_id}) {
    auto records = RecordReader(*tape, sign).read();
    if (!records || !records->nodes.empty()) return records;
  }
  if (tape->is_object(0)) return read_json_outputs(*tape);
  TRY_AS(table, rows_of(*tape));
  if (!table->rows.empty()) return read_rows(std::move(*table));
  return refuse(0, kEmptyJson);
}

void Helpers::add(std::string_view name) {
  std::string shown = in_quotes(name, 40);
  if (std::ranges::find(names_, shown) == names_.end()) names_.push_back(std::move(shown));
}

void Helpers::note(Listing& listing) const {
  if (!names_.empty()) listing.notes.push_back(fmt::format(kNotUsed, some_of(names_)));
}

}  // namespace ec2mpi
