#pragma once
/// Since when an instance runs, as the lists write it.

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "ec2mpi/cluster/values/node.hpp"

namespace ec2mpi {

using LaunchTime = std::chrono::sys_seconds;

/// The console's "2021/08/08 09:11 GMT-7" (also GMT+5:30) and the API's ISO 8601 "2026-11-22T18:00:08+00:00"
/// or with a Z and with parts of a second; nothing for other forms.
[[nodiscard]] std::optional<LaunchTime> parse_launch_time(std::string_view text);

/// "12 min", "5 h 07 min", "3 d 4 h".
[[nodiscard]] std::string format_age(std::chrono::seconds age);

/// What a node has cost since its launch, in the unit of the user's own price table (type to price per hour);
/// begun seconds count exactly. Nothing where the type has no price or the launch time is not known.
[[nodiscard]] std::optional<double> cost_since_launch(const Node& node,
                                                      const std::map<std::string, double>& prices,
                                                      LaunchTime now);

}  // namespace ec2mpi
