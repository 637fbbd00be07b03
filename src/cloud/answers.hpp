#pragma once
/// EC2's XML as values. What an answer does not have is empty.

#include <pugixml.hpp>
#include <string>
#include <vector>

#include "ec2mpi/cloud/ec2.hpp"

namespace ec2mpi::cloud {

/// `answer` is the element that stands for the call: <DescribeInstancesResponse>.
[[nodiscard]] std::vector<Instance> instances_in(const pugi::xml_node& answer);
[[nodiscard]] std::vector<SecurityGroup> security_groups_in(const pugi::xml_node& answer);
/// The texts of `element` in the items of `list`.
[[nodiscard]] std::vector<std::string> names_in(const pugi::xml_node& answer, const char* list,
                                                const char* element);
/// Decoded from base64. Text that is not base64 gives nothing.
[[nodiscard]] std::string console_output_in(const pugi::xml_node& answer);
[[nodiscard]] InstanceType instance_type_in(const pugi::xml_node& answer);
[[nodiscard]] std::vector<Image> images_in(const pugi::xml_node& answer);
[[nodiscard]] std::string next_page_in(const pugi::xml_node& answer);

[[nodiscard]] std::string to_base64(const std::string& bytes);

}  // namespace ec2mpi::cloud
