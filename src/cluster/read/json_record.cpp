#include <algorithm>
#include <vector>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/read/state_words.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cluster/read/json_list.hpp"

namespace ec2mpi {
namespace {

constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
/// A longer key is the name of no field, and is not squashed.
constexpr std::size_t kLongestKey = 60;

/// The first member of `object` whose squashed key passes the test, or kNowhere.
template <class Test>
std::size_t find_member(const JsonTape& tape, std::size_t object, Test test) {
  if (object == kNowhere || !tape.is_object(object)) return kNowhere;
  for (const std::size_t child : tape.inside(object)) {
    if (tape.key(child).size() < kLongestKey && test(squashed(tape.key(child)))) return child;
  }
  return kNowhere;
}

std::size_t member(const JsonTape& tape, std::size_t object, std::string_view key) {
  return find_member(tape, object, [&](const std::string& other) { return other == key; });
}

std::string_view text_of(const JsonTape& tape, std::size_t value) {
  return value != kNowhere && tape.is_string(value) ? tape.text(value) : std::string_view();
}

/// `[{"Key": "Name", "Value": "head"}]` of the API, or `{"Name": "head"}` of Terraform and Ansible.
std::string_view name_in_tags(const JsonTape& tape, std::size_t tags) {
  if (tape.is_object(tags)) return text_of(tape, member(tape, tags, "name"));
  std::string_view name;
  for (const std::size_t tag : tape.inside(tags)) {
    if (text_of(tape, member(tape, tag, "key")) == "Name") name = text_of(tape, member(tape, tag, "value"));
  }
  return name;
}

/// The text of a container for a field: its first element, and in an object the member of the same field, as
/// in `{"AvailabilityZone": ...}` and `[{"Ipv6Address": ...}]`; a state may be called Name, Value or Code.
std::string_view text_inside(const JsonTape& tape, std::size_t container, Field field) {
  if (container == kNowhere || tape.at(container).end == container + 1) return {};
  const std::size_t first = tape.is_array(container) ? container + 1 : container;
  if (!tape.is_object(first)) return text_of(tape, first);
  std::size_t found = find_member(tape, first, [&](const std::string& key) {
    return field_of_key(key) == field || (field == Field::state && (key == "name" || key == "value"));
  });
  if (found == kNowhere && field == Field::state) found = member(tape, first, "code");
  if (found == kNowhere) return {};
  return tape.is_container(found) ? text_inside(tape, found, field) : tape.text(found);
}

/// An IPv6 address stands only in the network interface if the reply is of an older API: in the one of device
/// index 0, which need not be the first.
std::string_view ipv6_of_interfaces(const JsonTape& tape, std::size_t interfaces) {
  for (const std::size_t interface : tape.inside(interfaces)) {
    const std::size_t index = member(tape, member(tape, interface, "attachment"), "deviceindex");
    if (index != kNowhere && tape.text(index) != "0") continue;
    const auto text = text_inside(tape, member(tape, interface, "ipv6addresses"), Field::ipv6);
    if (!text.empty()) return text;
  }
  return {};
}

/// True for a word that is a state under any name.
bool says_state(std::string_view text) {
  const auto state = state_word(text);
  return state && (state->use == StateWord::Use::anywhere ||
                   (state->use == StateWord::Use::whole_column && !state->running));
}

/// The field of a member; a state may stand under a name of the user's, such as "etat".
Field field_of_member(const JsonTape& tape, std::size_t child, std::string_view key) {
  const Field field = field_of_column(key);
  if (field == Field::instance_id && !is_instance_id(tape.text(child))) return Field::unused;
  if (!may_hold_states(field) || !tape.is_string(child)) return field;
  return says_state(tape.text(child)) ? Field::state : field;
}

/// The state that a scalar in an inner object says: a word, or EC2's number under the name Code. The number 0
/// says none, for in other objects it means success.
std::string_view state_in_scalar(const JsonTape& tape, std::size_t scalar) {
  const std::string_view text = tape.text(scalar);
  if (tape.is_string(scalar)) return says_state(text) ? text : std::string_view();
  const std::string_view name = name_of_state_code(text);
  return name != text && text != "0" && squashed(tape.key(scalar)) == "code" ? name : std::string_view();
}

/// The text of a member for its field. Inside a container, only addresses, states
/// and zones are looked for: other texts there belong to other things.
std::string_view text_of_member(const JsonTape& tape, std::size_t child, Field field) {
  const bool nested =
      is_address_field(field) ? tape.is_array(child) : field == Field::state || field == Field::zone;
  if (tape.is_container(child)) return nested ? text_inside(tape, child, field) : std::string_view();
  const bool any_scalar =
      field == Field::state || field == Field::not_running || field == Field::port || field == Field::slots;
  return any_scalar || tape.is_string(child) ? tape.text(child) : std::string_view();
}

/// Network interfaces and tags belong to the instance itself, so nothing is compared there.
bool describes_one_machine(std::string_view key) {
  return key.contains("networkinterface") || key.starts_with("tags");
}

/// Looks for another machine in the members of an object, and in the objects inside it (`inner`).
Problem other_machine(const Node& node, const JsonTape& tape, std::size_t object, bool inner) {
  const auto compare = [&](std::size_t value, std::size_t member) -> Problem {
    const std::string_view text = tape.text(value);
    const bool other = (is_ipv4(text) && text != node.public_address && text != node.private_address) ||
                       (is_instance_id(text) && text != node.instance_id);
    return other ? Problem(fmt::format(kOtherMachine, in_quotes(tape.key(member)), text)) : std::nullopt;
  };
  for (const std::size_t child : tape.inside(object)) {
    const Field field = field_of_label(tape.key(child));
    // Where there is an instance id, an address under an unknown name is no other machine.
    const bool unknown = field == Field::unknown && node.instance_id.empty();
    const bool scalar = !tape.is_container(child);
    Problem problem;
    if (scalar && (inner ? is_address_field(field) || field == Field::instance_id : unknown))
      problem = compare(child, child);
    if (tape.is_array(child) && unknown) {
      for (const std::size_t text : tape.inside(child)) {
        if (!problem && tape.is_string(text)) problem = compare(text, child);
      }
    }
    if (!scalar && !problem && !describes_one_machine(squashed(tape.key(child))))
      problem = other_machine(node, tape, child, inner || tape.is_object(child));
    if (problem) return problem;
  }
  return std::nullopt;
}

}  // namespace

InnerState state_inside(const JsonTape& tape, std::size_t container) {
  InnerState found{.word = {}, .alone = true};
  std::size_t inner = container;
  // [{"Name": "stopped"}]
  while (tape.at(inner).end > inner + 1 && tape.is_container(inner + 1) &&
         tape.at(inner + 1).end == tape.at(inner).end)
    ++inner;
  // A tag is the user's, whatever it says.
  if (member(tape, inner, "key") != kNowhere && member(tape, inner, "value") != kNowhere) return found;
  for (const std::size_t child : tape.inside(inner)) {
    if (tape.is_container(child) || field_of_label(tape.key(child)) == Field::unused) {
      found.alone = false;
      continue;
    }
    const std::string_view word = state_in_scalar(tape, child);
    // Of two states the one that does not run counts.
    if (!word.empty() && (found.word.empty() || !state_word(word)->running)) found.word = word;
    if (word.empty() && tape.is_string(child)) found.alone = false;
  }
  return found;
}

bool may_have_stopped(const InnerState& state) {
  return !state.word.empty() && !state_word(state.word)->running;
}

RecordSigns signs_of_record(const JsonTape& tape, std::size_t object, bool in_list) {
  RecordSigns signs;
  bool facts = false, allocation = false;
  for (const std::size_t child : tape.inside(object)) {
    if (tape.key(child).size() > kLongestKey) continue;
    const std::string key = squashed(tape.key(child));
    const std::string_view text = text_of(tape, child);
    const Field field = field_of_key(key);
    const bool address = is_address_field(field);
    const bool state = (field == Field::state || field == Field::not_running) &&
                       (tape.is_object(child) || state_word(name_of_state_code(tape.text(child))));
    signs.has_id = signs.has_id || (field == Field::instance_id && is_instance_id(text));
    const bool in_array =
        in_list && address && tape.is_array(child) && !text_inside(tape, child, field).empty();
    signs.has_address = signs.has_address || in_array || (address && !is_blank_cell(text));
    const bool inner_state = in_list && may_hold_states(field) && tape.is_container(child) &&
                             !state_inside(tape, child).word.empty();
    // Of settings too it is said that they are enabled, as of `"logging": {"enabled": true}`.
    const bool setting = key == "enabled" || key == "disabled";
    signs.has_state = signs.has_state || (state && !setting) || inner_state;
    facts = facts || address || state || (field == Field::type && is_instance_type(text));
    // These ids belong to an Elastic IP: with an address beside them, the object is one.
    allocation = allocation || key == "allocationid" || key == "associationid";
  }
  signs.elastic_ip = allocation && signs.has_address;
  signs.has_facts = facts && signs.has_id;
  return signs;
}

Problem put_record(Node& node, const JsonTape& tape, std::size_t object, LoginColumns& logins) {
  std::string_view ipv6;
  std::vector<Field> fields;
  std::vector<std::string_view> texts;
  Problem unclear;
  for (const std::size_t child : tape.inside(object)) {
    if (tape.key(child).size() > kLongestKey) continue;
    const std::string key = squashed(tape.key(child));
    if (key == "networkinterfaces") {
      if (tape.is_array(child)) ipv6 = ipv6_of_interfaces(tape, child);
      continue;
    }
    if ((key == "tags" || key == "tagsall") && tape.is_container(child)) {
      if (const auto name = trim(name_in_tags(tape, child)); !is_blank_cell(name)) node.name = name;
      continue;
    }
    Field field = field_of_member(tape, child, key);
    std::string_view text = text_of_member(tape, child, field);
    if (tape.is_container(child) && may_hold_states(field)) {
      const InnerState inner = state_inside(tape, child);
      if (inner.alone && !inner.word.empty()) {
        field = Field::state;
        text = inner.word;
      } else if (may_have_stopped(inner)) {
        unclear = fmt::format(kUnclearState, in_quotes(tape.key(child)), in_quotes(inner.word));
      }
    }
    const bool filled = tape.is_container(child) && tape.at(child).end > child + 1;
    const bool any_kind = field == Field::any_address || field == Field::host;
    if (any_kind && filled && tape.at(child + 1).end < tape.at(child).end)
      return fmt::format(kSeveralAddresses, in_quotes(tape.key(child)));
    // A state that cannot be read must not pass for none: the machine may be stopped.
    if (field == Field::state && filled && text.empty())
      return fmt::format(kHoldsNoState, in_quotes(tape.key(child)));
    see_login(logins, tape.key(child), field, text, tape.at(child).line);
    if (is_blank_cell(text)) continue;
    fields.push_back(field);
    texts.push_back(text);
  }
  const auto is_state = [](Field field) { return field == Field::state || field == Field::not_running; };
  if (unclear && std::ranges::none_of(fields, is_state)) return unclear;
  if (std::ranges::find(fields, Field::ipv6) == fields.end()) {
    fields.push_back(Field::ipv6);
    texts.push_back(ipv6);
  }
  return put_cells(node, fields, texts);
}

/// First ids and addresses that contradict the node's, then public addresses under names that are not known.
Problem find_other_machine(const Node& node, const JsonTape& tape, std::size_t object) {
  if (auto problem = other_machine(node, tape, object, false)) return problem;
  for (const std::size_t child : tape.inside(object)) {
    if (!node.public_address.empty() || !has_address(node)) break;
    const std::string_view key = tape.key(child);
    if (auto problem = find_unnamed_address(node, key, field_of_label(key), text_of(tape, child)))
      return problem;
  }
  return std::nullopt;
}

}  // namespace ec2mpi
