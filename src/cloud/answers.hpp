#pragma once
/// EC2's XML as values. Fields that an answer does not have are empty.

#include <optional>
#include <pugixml.hpp>
#include <string>
#include <vector>

#include "ec2mpi/cloud/ec2.hpp"

namespace ec2mpi::cloud {

/// `answer` is the element that stands for the call: <DescribeInstancesResponse>.
[[nodiscard]] std::vector<Instance> instances_in(const pugi::xml_node& answer);
/// Those of an answer to RunInstances.
[[nodiscard]] std::vector<Instance> started_instances_in(const pugi::xml_node& answer);
[[nodiscard]] std::vector<SecurityGroup> security_groups_in(const pugi::xml_node& answer);
/// The texts of `element` in the items of `list`.
[[nodiscard]] std::vector<std::string> names_in(const pugi::xml_node& answer, const char* list,
                                                const char* element);
/// Decoded from base64. Text that is not base64 gives nothing.
[[nodiscard]] std::string console_output_in(const pugi::xml_node& answer);
[[nodiscard]] InstanceType instance_type_in(const pugi::xml_node& answer);
[[nodiscard]] std::vector<Image> images_in(const pugi::xml_node& answer);
[[nodiscard]] std::vector<Subnet> subnets_in(const pugi::xml_node& answer);
[[nodiscard]] std::vector<Reservation> reservations_in(const pugi::xml_node& answer);
[[nodiscard]] std::vector<Disk> disks_in(const pugi::xml_node& answer);
/// A price that is no number of USD is left out.
[[nodiscard]] std::vector<SpotPrice> spot_prices_in(const pugi::xml_node& answer);
/// The value in the JSON of an answer to GetServiceQuota.
[[nodiscard]] std::optional<double> quota_in(const std::string& json);
[[nodiscard]] std::string next_page_in(const pugi::xml_node& answer);

[[nodiscard]] std::string to_base64(const std::string& bytes);

}  // namespace ec2mpi::cloud
