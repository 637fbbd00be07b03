#include <algorithm>
#include <unordered_map>
#include <vector>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/read/state_words.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cluster/read/host_of.hpp"
#include "src/cluster/read/json_list.hpp"

namespace ec2mpi {
namespace {

/// One output: its values and what they are.
struct Output {
  std::string key;
  Field field = Field::unknown;
  std::vector<std::string_view> values;
  std::vector<std::string_view> names;  ///< keys of a map, else empty
  int line = 0;
};

/// The outputs that describe the same machines.
struct Group {
  std::vector<Output> outputs;
  NamePart role = NamePart::none;  ///< head, worker or helper

  [[nodiscard]] bool has_machines() const {
    return role != NamePart::helper && std::ranges::any_of(outputs, [](const Output& output) {
             return is_address_field(output.field) || output.field == Field::instance_id;
           });
  }
};

/// The field of an output by its values, and by the words of its name where the values leave it open.
Field field_of(const std::vector<std::string_view>& values, const std::vector<std::string>& words) {
  const auto has = [&](std::initializer_list<std::string_view> some) {
    return std::ranges::any_of(some,
                               [&](auto word) { return std::ranges::find(words, word) != words.end(); });
  };
  const auto all = [&](auto test) {
    return std::ranges::all_of(values, [&](auto v) { return is_blank_cell(v) || test(v); });
  };
  if (all(is_instance_id)) return Field::instance_id;
  if (all([](auto v) { return address_in_public_dns(v).has_value(); })) return Field::public_dns;
  if (all([](auto v) { return address_in_private_dns(v).has_value(); })) return Field::private_dns;
  if (all([](auto v) { return canonical_ipv6(v).has_value(); })) return Field::ipv6;
  if (all(is_ipv4)) {
    return has({"private"})                    ? Field::private_v4
           : has({"public", "eip", "elastic"}) ? Field::public_v4
                                               : Field::any_address;
  }
  if (has({"host", "hosts", "hostname", "hostnames"}) &&
      all([](auto v) { return host_of(v, BareWords::refused).has_value(); }))
    return Field::any_address;
  if (all([](auto v) { return state_word(name_of_state_code(v)).has_value(); }) &&
      has({"state", "states", "status", "statuses", "running"}))
    return Field::state;
  return has({"name", "names"}) ? Field::name : Field::unknown;
}

class OutputReader {
 public:
  explicit OutputReader(const JsonTape& tape) : tape_(tape) {}

  Read<Listing> read() {
    for (const std::size_t root : tape_.roots()) {
      for (const std::size_t child : tape_.inside(root)) {
        if (tape_.is_object(root)) read_output(child);
      }
    }
    // The head comes first, for node 1 is the master.
    std::ranges::stable_partition(groups_, [](const Group& group) { return group.role == NamePart::head; });
    TRY(refuse_unrelated());
    for (const Group& group : groups_) {
      if (group.has_machines()) TRY(read_machines(group));
      for (const Output& output : group.outputs) {
        if (!group.has_machines()) unused_.push_back(output.key);
      }
    }
    const std::string unused = unused_.empty() ? "" : fmt::format(kNotUsed, some_of(unused_));
    if (listing_.nodes.empty() && has_empty_reply()) return refuse(0, kEmptyJson);
    if (listing_.nodes.empty())
      return refuse(0, kNoNodes, unused.empty() ? "" : fmt::format(" ({})", unused));
    if (!unused.empty()) listing_.notes.push_back(unused);
    return std::move(listing_);
  }

 private:
  /// Whether this is a reply of describe-instances that holds no instance.
  [[nodiscard]] bool has_empty_reply() const {
    for (std::size_t i = 0; i < tape_.size(); ++i) {
      const auto key = tape_.key(i);
      if (tape_.is_array(i) && tape_.at(i).end == i + 1 && (key == "Reservations" || key == "Instances"))
        return true;
    }
    return false;
  }

  /// The error if the outputs name machines that need not be of one cluster: neither head and workers, nor
  /// one name with numbers.
  Read<void> refuse_unrelated() const {
    std::vector<std::string> keys;
    bool known = true;
    for (const Group& group : groups_) {
      if (!group.has_machines()) continue;
      keys.push_back(group.outputs.front().key);
      known = known && group.role != NamePart::none;
    }
    if (known || keys.size() < 2) return {};
    return refuse(groups_.front().outputs.front().line, kWhichMachines, some_of(keys));
  }

  /// An output is a scalar, a list or a map; `terraform output -json` puts it into an object with "value".
  void read_output(std::size_t child) {
    Output output{in_quotes(tape_.key(child), 40), Field::unknown, {}, {}, tape_.at(child).line};
    bool scalars = true;
    // The value inside `{"sensitive": ..., "type": ..., "value": ...}`, or the member itself.
    const std::size_t value = tape_.member(child, "value").value_or(child);
    const JsonTape::Siblings alone{&tape_, value, tape_.at(value).end};
    for (const std::size_t i : tape_.is_container(value) ? tape_.inside(value) : alone) {
      scalars = scalars && !tape_.is_container(i);
      output.values.push_back(tape_.text(i));
      if (tape_.is_object(value)) output.names.push_back(tape_.key(i));
    }
    const std::string_view name = tape_.key(child).substr(0, 100);
    const std::vector<std::string> words = words_of_name(name);
    if (scalars && !output.values.empty()) output.field = field_of(output.values, words);
    // Outputs that are not understood are named in a note: they may have been the nodes.
    if (output.field == Field::unknown) {
      unused_.push_back(output.key);
    } else {
      group_of(words, role_of_name(name)).outputs.push_back(std::move(output));
    }
  }

  /// Outputs whose names have the same words, but for those that name a kind of value.
  Group& group_of(const std::vector<std::string>& words, NamePart role) {
    std::string name;
    for (const std::string& word : words) {
      if (part_of_name(word) != NamePart::kind) name += word + "_";
    }
    const auto [at, is_new] = group_of_.emplace(name, groups_.size());
    if (is_new) groups_.push_back({{}, role});
    return groups_[at->second];
  }

  /// The values at the same place in each output of a group are one machine's.
  Read<void> read_machines(const Group& group) {
    const Output& first = group.outputs.front();
    for (const Output& output : group.outputs) {
      const bool same_names = output.names.empty() || first.names.empty() || output.names == first.names;
      if (output.values.size() == first.values.size() && same_names) continue;
      return refuse(output.line, kUnequalOutputs, first.key, output.key, first.values.size(),
                    output.values.size());
    }
    for (std::size_t i = 0; i < first.values.size(); ++i) {
      Node& node = listing_.nodes.emplace_back();
      node.line = first.line;
      for (const Output& output : group.outputs) {
        // The keys of a map name its machines.
        if (node.name.empty() && !output.names.empty()) node.name = output.names[i];
        if (const auto problem = put_field(node, output.field, output.values[i]))
          return refuse(output.line, kCorrectOutput, output.key, *problem);
      }
    }
    return {};
  }

  const JsonTape& tape_;
  std::vector<Group> groups_;
  std::unordered_map<std::string, std::size_t> group_of_;
  std::vector<std::string> unused_;
  Listing listing_;
};

}  // namespace

Read<Listing> read_json_outputs(const JsonTape& tape) {
  return OutputReader(tape).read();
}

}  // namespace ec2mpi
