#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/read/listing.hpp"
#include "src/cluster/read/json_tape.hpp"

namespace ec2mpi {

/// Where `_meta.hostvars` is in the tape, if this is the output of `ansible-inventory --list`.
[[nodiscard]] std::optional<std::size_t> find_hostvars(const JsonTape& tape);

/// Reads such output: the hosts in the order of the groups, each once, with the facts in hostvars.
[[nodiscard]] Result<Listing> read_ansible(const JsonTape& tape, std::size_t hostvars,
                                           std::string_view source);

}  // namespace ec2mpi
