#pragma once
/// The findings of doctor, for people and for programs.

#include <string>
#include <vector>

#include "ec2mpi/cli/terminal/console.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/ops/doctor/diagnosis.hpp"

namespace ec2mpi::cli {

/// A line for each check, and below it for each finding the failed command and the fix.
void show_checks(Console& console, const std::vector<ops::Check>& checks);

/// `bench`: the numbers of doctor --bench, if there are any.
[[nodiscard]] std::string checks_json(const std::vector<ops::Check>& checks, Json bench = {});

}  // namespace ec2mpi::cli
