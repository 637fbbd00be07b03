#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "ec2mpi/cluster/values/node.hpp"
#include "src/cluster/read/json_tape.hpp"

namespace ec2mpi {

/// What an object says of itself, judged by the members directly inside.
struct JsonInstanceSigns {
  bool has_id = false;       ///< a member such as InstanceId, instance_id or id holds an instance id
  bool has_facts = false;    ///< besides, a member for an address (null too), a type or a state
  bool has_address = false;  ///< a member for an address holds a text
  bool elastic_ip = false;   ///< an Elastic IP or its association, no machine
};

[[nodiscard]] JsonInstanceSigns instance_signs(const JsonTape& tape, std::size_t object);

/// An Elastic IP and the instance that it belongs to; both empty if the object says neither.
struct ElasticIp {
  std::string_view address;
  std::string_view instance_id;
};
[[nodiscard]] ElasticIp elastic_ip_of(const JsonTape& tape, std::size_t object);

/// Adds what the members of `object` tell (state, tags, placement and first network interface as the API
/// nests them). Returns what is wrong, if anything is.
[[nodiscard]] std::optional<std::string> put_members(Node& node, const JsonTape& tape, std::size_t object);

}  // namespace ec2mpi
