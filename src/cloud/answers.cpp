#include "src/cloud/answers.hpp"

#include <openssl/evp.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::cloud {

namespace {

std::string text_of(const pugi::xml_node& node, const char* element) {
  return printable(trim(node.child_value(element)));
}

Tags tags_in(const pugi::xml_node& node) {
  Tags tags;
  for (const auto& item : node.child("tagSet").children("item"))
    tags[text_of(item, "key")] = text_of(item, "value");
  return tags;
}

Instance instance_in(const pugi::xml_node& item) {
  Instance instance{.id = text_of(item, "instanceId"),
                    .state = text_of(item.child("instanceState"), "name"),
                    .reason = text_of(item.child("stateReason"), "message"),
                    .type = text_of(item, "instanceType"),
                    .zone = text_of(item.child("placement"), "availabilityZone"),
                    .public_address = text_of(item, "ipAddress"),
                    .private_address = text_of(item, "privateIpAddress"),
                    .ipv6 = text_of(item, "ipv6Address"),
                    .key_name = text_of(item, "keyName"),
                    .launched = text_of(item, "launchTime"),
                    .placement_group = text_of(item.child("placement"), "groupName"),
                    .spot = text_of(item, "instanceLifecycle") == "spot",
                    .security_groups = names_in(item, "groupSet", "groupId"),
                    .tags = tags_in(item)};
  return instance;
}

int number_of(const pugi::xml_node& node, const char* element) {
  return node.child(element).text().as_int(-1);
}

}  // namespace

std::vector<Instance> instances_in(const pugi::xml_node& answer) {
  std::vector<Instance> instances;
  for (const auto& reservation : answer.child("reservationSet").children("item"))
    for (const auto& item : reservation.child("instancesSet").children("item"))
      instances.push_back(instance_in(item));
  return instances;
}

std::vector<SecurityGroup> security_groups_in(const pugi::xml_node& answer) {
  std::vector<SecurityGroup> groups;
  for (const auto& item : answer.child("securityGroupInfo").children("item")) {
    SecurityGroup group{text_of(item, "groupId"), text_of(item, "groupName"), {}, tags_in(item)};
    for (const auto& rule : item.child("ipPermissions").children("item"))
      for (const auto& range : rule.child("ipRanges").children("item"))
        group.ingress.push_back({text_of(rule, "ipProtocol"), number_of(rule, "fromPort"),
                                 number_of(rule, "toPort"), text_of(range, "cidrIp"),
                                 text_of(range, "description")});
    groups.push_back(std::move(group));
  }
  return groups;
}

std::vector<std::string> names_in(const pugi::xml_node& answer, const char* list, const char* element) {
  std::vector<std::string> names;
  for (const auto& item : answer.child(list).children("item")) names.push_back(text_of(item, element));
  return names;
}

std::string console_output_in(const pugi::xml_node& answer) {
  std::string encoded = answer.child_value("output");
  std::erase_if(encoded, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  std::string text(encoded.size() / 4 * 3 + 3, '\0');
  const int size = ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(encoded.data()),
                                     static_cast<int>(encoded.size()));
  text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  std::erase(text, '\0');  // the padding decodes to zero bytes
  return text;
}

InstanceType instance_type_in(const pugi::xml_node& answer) {
  const auto item = answer.child("instanceTypeSet").child("item");
  const auto texts = [&item](const char* parent, const char* list) {
    std::vector<std::string> found;
    for (const auto& one : item.child(parent).child(list).children("item"))
      found.push_back(printable(trim(one.child_value())));
    return found;
  };
  InstanceType type;
  type.name = text_of(item, "instanceType");
  type.cores = std::max(number_of(item.child("vCpuInfo"), "defaultCores"), 0);
  const auto architectures = texts("processorInfo", "supportedArchitectures");  // old ones have i386 too
  if (!architectures.empty()) type.architecture = architectures.back();
  const auto strategies = texts("placementGroupInfo", "supportedStrategies");
  type.cluster_placement = std::ranges::find(strategies, "cluster") != strategies.end();
  return type;
}

std::vector<Image> images_in(const pugi::xml_node& answer) {
  std::vector<Image> images;
  for (const auto& item : answer.child("imagesSet").children("item"))
    images.push_back({text_of(item, "imageId"), text_of(item, "name"), text_of(item, "creationDate")});
  return images;
}

std::string next_page_in(const pugi::xml_node& answer) {
  return answer.child_value("nextToken");
}

std::string to_base64(const std::string& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace ec2mpi::cloud
