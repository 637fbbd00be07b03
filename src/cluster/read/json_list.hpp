#pragma once

#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/read/listing.hpp"

namespace ec2mpi {

/// Reads JSON: objects with an instance id at any depth (`aws ec2 describe-instances` whole or with
/// `--query`, run-instances, ParallelCluster, Terraform state, Ansible's aws_ec2), rows or lists of scalars
/// as `--query` writes them, `terraform output -json`, `ansible-inventory --list`; several JSON texts one
/// after the other too.
[[nodiscard]] Result<Listing> read_json_list(std::string_view text, std::string_view source);

}  // namespace ec2mpi
