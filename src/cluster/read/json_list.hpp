#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/json_tape.hpp"
#include "ec2mpi/cluster/read/listing.hpp"
#include "src/cluster/read/fields.hpp"
#include "src/cluster/read/messages.hpp"

namespace ec2mpi {

/// If this is JSON that holds no instances, and how to get a list of them: replies about network interfaces,
/// Elastic IPs, stacks, and those of other clouds.
[[nodiscard]] std::optional<std::string> why_json_unsupported(const JsonTape& tape);

/// Reads `terraform output -json` whose outputs are lists, maps or single texts: lists whose names differ
/// only in words such as public, private, ips, ids describe the same machines and must be of one length
/// (`head_public_ip`, `head_private_ip`); groups follow each other, one named head, master or the like first.
[[nodiscard]] Read<Listing> read_json_outputs(const JsonTape& tape);

/// Reads the output of `ansible-inventory --list`, whose hosts have their facts in the object `hostvars`.
[[nodiscard]] Read<Listing> read_ansible(const JsonTape& tape, std::size_t hostvars);

/// Names of bastions, NAT gateways and the like that stand beside the nodes and are none.
class Helpers {
 public:
  void add(std::string_view name);
  /// Says that they are not used.
  void note(Listing& listing) const;

 private:
  std::vector<std::string> names_;  ///< in quotes
};

/// What the direct members of an object say about it.
struct RecordSigns {
  bool has_id = false;       ///< a member such as InstanceId, instance_id or id holds an instance id
  bool has_facts = false;    ///< besides, a member for an address (null too), a type or a state
  bool has_address = false;  ///< a member for an address holds a text
  bool has_state = false;    ///< a member for a state says one
  bool elastic_ip = false;   ///< an Elastic IP or its association, no machine
};

/// An address may stand in an array if the object is an entry of a list; elsewhere such an array is a list of
/// machines.
[[nodiscard]] RecordSigns signs_of_record(const JsonTape& tape, std::size_t object, bool in_list = false);

/// A state inside an object or an array that stands in a machine, whatever both are called.
struct InnerState {
  std::string_view word;  ///< empty if there is none
  bool alone = false;     ///< no other text stands beside it, so it can be of nothing but the machine
};
[[nodiscard]] InnerState state_inside(const JsonTape& tape, std::size_t container);
[[nodiscard]] bool may_have_stopped(const InnerState& state);

/// Stores the members of `object` in `node`, however the API, Terraform and Ansible nest them. Adds to
/// `logins` the members that say how to log in. Returns the problem, if there is one.
[[nodiscard]] Problem put_record(Node& node, const JsonTape& tape, std::size_t object, LoginColumns& logins);

/// A member inside the object of `node` that may be another machine: another id or address in an inner
/// object, or an address under a key that is not known (beside an id, only if it is the one public address).
[[nodiscard]] Problem find_other_machine(const Node& node, const JsonTape& tape, std::size_t object);

}  // namespace ec2mpi
