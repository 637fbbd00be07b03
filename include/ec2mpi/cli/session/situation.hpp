#pragma once
/// `ec2mpi` alone, for scripts.

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cli/session/options.hpp"

namespace ec2mpi::cli {

/// As show_situation, in one JSON document.
[[nodiscard]] Result<int> show_situation_as_json(const CommonOptions& common);

}  // namespace ec2mpi::cli
