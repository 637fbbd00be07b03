#include "src/cluster/read/json_instance.hpp"

#include <utility>
#include <vector>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/read/state_words.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cluster/read/fields.hpp"

namespace ec2mpi {
namespace {

constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
constexpr std::size_t kLongestKey = 60;

/// The member of `object` whose squashed name is `key`, or kNowhere.
std::size_t member(const JsonTape& tape, std::size_t object, std::string_view key) {
  std::size_t found = kNowhere;
  if (!tape.is_object(object)) return found;
  tape.for_each_in(object, [&](std::size_t child) {
    if (found == kNowhere && tape.key(child).size() < 40 && squashed(tape.key(child)) == key) found = child;
  });
  return found;
}

std::string_view text_of(const JsonTape& tape, std::size_t value) {
  return value != kNowhere && tape.is_string(value) ? tape.text(value) : std::string_view();
}

/// `[{"Key": "Name", "Value": "head"}]` of the API, or `{"Name": "head"}` of Terraform and Ansible.
std::string_view name_in_tags(const JsonTape& tape, std::size_t tags) {
  if (tape.is_object(tags)) return text_of(tape, member(tape, tags, "name"));
  std::string_view name;
  if (!tape.is_array(tags)) return name;
  tape.for_each_in(tags, [&](std::size_t tag) {
    if (text_of(tape, member(tape, tag, "key")) == "Name") name = text_of(tape, member(tape, tag, "value"));
  });
  return name;
}

/// The first string in a container, at any depth below `member_key` if the elements are objects.
std::string_view first_text(const JsonTape& tape, std::size_t container, std::string_view member_key) {
  if (container == kNowhere || !tape.is_container(container) || tape.at(container).end == container + 1)
    return {};
  const std::size_t first = container + 1;
  return tape.is_object(first) ? text_of(tape, member(tape, first, member_key)) : text_of(tape, first);
}

/// An IPv6 address stands only in the network interface if the reply is of an older API: in the one of device
/// index 0, which need not be the first.
std::string_view ipv6_of_interfaces(const JsonTape& tape, std::size_t interfaces) {
  std::string_view found;
  if (!tape.is_array(interfaces)) return found;
  tape.for_each_in(interfaces, [&](std::size_t interface) {
    const std::size_t attachment = member(tape, interface, "attachment");
    const std::size_t index = attachment == kNowhere ? kNowhere : member(tape, attachment, "deviceindex");
    if (index != kNowhere && tape.text(index) != "0") return;
    if (found.empty()) found = first_text(tape, member(tape, interface, "ipv6addresses"), "ipv6address");
  });
  return found;
}

class MemberReader {
 public:
  MemberReader(Node& node, const JsonTape& tape) : node_(node), tape_(tape) {}

  std::optional<std::string> read(std::size_t object) {
    std::optional<std::string> problem;
    std::string_view later_ipv6;
    std::vector<std::pair<Field, std::string_view>> second_choices;
    tape_.for_each_in(object, [&](std::size_t child) {
      if (problem || tape_.key(child).size() > kLongestKey) return;
      const std::string key = squashed(tape_.key(child));
      const Field field = field_of_column(key);
      if (key == "networkinterfaces") {
        later_ipv6 = ipv6_of_interfaces(tape_, child);
      } else if (tape_.is_container(child)) {
        problem = read_container(key, field, child);
      } else if (tape_.is_string(child) && is_second_choice(field)) {
        second_choices.emplace_back(field, tape_.text(child));
      } else if (tape_.is_string(child) || field == Field::state || field == Field::not_running) {
        problem = read_text(key, field, tape_.text(child));
      } else if (key == "ansibleport") {
        if (const auto port = parse_number(tape_.text(child)); port && *port > 0 && *port < 65536) {
          node_.port = static_cast<std::uint16_t>(*port);
        }
      }
    });
    if (!problem && node_.ipv6.empty()) problem = put_field(node_, Field::ipv6, later_ipv6);
    for (const auto& [field, text] : second_choices) {
      if (!problem) problem = put_field(node_, field, text);
    }
    return problem;
  }

 private:
  std::optional<std::string> read_text(std::string_view key, Field field, std::string_view text) {
    if (key == "ansiblehost") return put_field(node_, Field::any_address, text);
    if (key == "ansibleuser") {
      if (is_user_name(text)) node_.user = text;
      return std::nullopt;
    }
    if (field == Field::instance_id && !is_instance_id(text)) return std::nullopt;
    if (field != Field::unknown) return put_field(node_, field, text);
    const auto state = state_word(text);  // under a name of the user's: "etat"
    return state && state->use == StateWord::Use::anywhere ? put_field(node_, Field::state, text)
                                                           : std::nullopt;
  }

  std::optional<std::string> read_container(std::string_view key, Field field, std::size_t child) {
    if (field == Field::state) {  // {"Name": "running"} of EC2, {"State":
                                  // "RUNNING"} of EMR
      const std::string_view name = text_of(tape_, member(tape_, child, "name"));
      return put_field(node_, Field::state,
                       name.empty() ? text_of(tape_, member(tape_, child, "state")) : name);
    }
    if (key == "placement") {
      return put_field(node_, Field::zone, text_of(tape_, member(tape_, child, "availabilityzone")));
    }
    if (key == "tags" || key == "tagsall") {
      if (const std::string_view name = trim(name_in_tags(tape_, child)); !is_blank_cell(name))
        node_.name = name;
      return std::nullopt;
    }
    if (!is_address_field(field) || !tape_.is_array(child)) return std::nullopt;
    const std::string_view inner = field == Field::ipv6         ? "ipv6address"
                                   : field == Field::private_v4 ? "privateipaddress"
                                                                : "publicip";
    return put_field(node_, field, first_text(tape_, child, inner));
  }

  Node& node_;
  const JsonTape& tape_;
};

}  // namespace

JsonInstanceSigns instance_signs(const JsonTape& tape, std::size_t object) {
  JsonInstanceSigns signs;
  bool allocation = false;
  tape.for_each_in(object, [&](std::size_t child) {
    const std::string_view key = tape.key(child);
    if (key.size() > kLongestKey) return;
    const std::string_view text = text_of(tape, child);
    const Field field = field_of_label(key);
    if (field == Field::instance_id && is_instance_id(text)) signs.has_id = true;
    if (is_address_field(field)) {
      signs.has_facts = true;
      signs.has_address = signs.has_address || !is_blank_cell(text);
    }
    if (field == Field::type && is_instance_type(text)) signs.has_facts = true;
    if ((field == Field::state || field == Field::not_running) &&
        (tape.is_object(child) || state_word(tape.text(child))))
      signs.has_facts = true;
    if (field == Field::unknown && (key.starts_with('A') || key.starts_with('a')))
      allocation = allocation || squashed(key) == "allocationid" || squashed(key) == "associationid";
  });
  signs.elastic_ip = allocation && signs.has_address;
  signs.has_facts = signs.has_facts && signs.has_id;
  return signs;
}

ElasticIp elastic_ip_of(const JsonTape& tape, std::size_t object) {
  ElasticIp out;
  tape.for_each_in(object, [&](std::size_t child) {
    const std::string_view text = text_of(tape, child);
    if (field_of_label(tape.key(child)) == Field::public_v4 && is_ipv4(text)) out.address = text;
    if (is_instance_id(text)) out.instance_id = text;
  });
  return out;
}

std::optional<std::string> put_members(Node& node, const JsonTape& tape, std::size_t object) {
  return MemberReader(node, tape).read(object);
}

}  // namespace ec2mpi
