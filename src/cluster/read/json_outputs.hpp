#pragma once

#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/read/listing.hpp"
#include "src/cluster/read/json_tape.hpp"

namespace ec2mpi {

/// Reads `terraform output -json` whose outputs are lists, maps or single texts: lists whose names differ
/// only in words such as public, private, ips, ids describe the same machines and must be of one length
/// (`head_public_ip`, `head_private_ip`); groups follow each other, one named head, master or the like first.
[[nodiscard]] Result<Listing> read_json_outputs(const JsonTape& tape, std::string_view source);

}  // namespace ec2mpi
