#pragma once

#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/read/listing.hpp"

namespace ec2mpi {

/// True for `aws ec2 describe-instances --output text` with its lines of details (STATE, TAGS, ...), and for
/// the output of the old ec2-describe-instances (INSTANCE, TAG).
[[nodiscard]] bool is_tagged_text(std::string_view text);

/// Reads such text. A line with an instance id begins an instance; its cells stand in alphabetical order of
/// their names and are left out when absent, so each is told by its content. Lines of details begin with a
/// word in capitals.
[[nodiscard]] Result<Listing> read_tagged_text(std::string_view text, std::string_view source);

}  // namespace ec2mpi
