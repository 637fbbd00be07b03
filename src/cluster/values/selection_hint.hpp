#pragma once
/// What a user of other tools may mean by words that select nothing. Pure.

#include <string>
#include <string_view>

namespace ec2mpi {

/// Of a term that selects no node: how it is written here, or how to see what there is.
[[nodiscard]] std::string meant_by(std::string_view term);

}  // namespace ec2mpi
