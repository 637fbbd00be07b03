#pragma once
/// What a call asks of EC2, as parameters of the Query API: "Filter.1.Name", "Filter.1.Value.1", ... EC2
/// counts from 1 in all lists. Pure.

#include <string>
#include <vector>

#include "ec2mpi/cloud/ec2.hpp"
#include "src/cloud/query.hpp"

namespace ec2mpi::cloud {

[[nodiscard]] Parameters filter_parameters(const std::vector<Filter>& filters);

[[nodiscard]] Parameters for_instances(const std::vector<std::string>& ids, bool dry_run);

/// EC2 revokes only the rule that has all of these values.
[[nodiscard]] Parameters for_rule(const std::string& group, const IngressRule& rule);

/// `number`: which specification of the request this is; each kind of resource has its own.
void add_tags(Parameters& parameters, int number, const std::string& resource, const Tags& tags);

/// EC2's word.
[[nodiscard]] const char* name_of(ShutdownBehaviour behaviour);

/// RunInstances: all of the instances or none.
[[nodiscard]] Parameters for_launch(const LaunchRequest& request, bool dry_run);

}  // namespace ec2mpi::cloud
