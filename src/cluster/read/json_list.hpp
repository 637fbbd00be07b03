#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/read/listing.hpp"
#include "src/cluster/read/json_tape.hpp"

namespace ec2mpi {

/// Reads JSON: replies of describe-instances and other objects of instances, `ansible-inventory --list`,
/// Terraform's outputs and state, and arrays as `--query` writes them.
[[nodiscard]] Result<Listing> read_json_list(std::string_view text, std::string_view source);

/// Where `_meta.hostvars` is in the tape, if this is the output of `ansible-inventory --list`.
[[nodiscard]] std::optional<std::size_t> find_hostvars(const JsonTape& tape);

/// Reads such output: the hosts in the order of the groups, each once, with the facts in hostvars.
[[nodiscard]] Result<Listing> read_ansible(const JsonTape& tape, std::size_t hostvars,
                                           std::string_view source);

/// Reads `terraform output -json` whose outputs are lists, maps or single texts: lists whose names differ
/// only in words such as public, private, ips, ids describe the same machines and must be of one length
/// (`head_public_ip`, `head_private_ip`); groups follow each other, one named head, master or the like first.
[[nodiscard]] Result<Listing> read_json_outputs(const JsonTape& tape, std::string_view source);

}  // namespace ec2mpi
