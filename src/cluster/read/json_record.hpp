#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "ec2mpi/cluster/values/node.hpp"
#include "src/cluster/read/json_tape.hpp"

namespace ec2mpi {

/// What an object says of itself, judged by the members directly inside.
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

/// Stores in `node` what the members of `object` tell, however the API, Terraform and Ansible nest them.
/// Adds to `unused` the members that say how to log in and cannot be used. Returns what is wrong, if anything
/// is.
[[nodiscard]] std::optional<std::string> put_record(Node& node, const JsonTape& tape, std::size_t object,
                                                    std::set<std::string>& unused);

/// What may be another machine inside the object of `node`: another id or address in an inner object, or
/// (without an id) an address under a key that is not known.
[[nodiscard]] std::optional<std::string> find_other_machine(const Node& node, const JsonTape& tape,
                                                            std::size_t object);

}  // namespace ec2mpi
