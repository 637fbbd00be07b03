#include "src/cloud/answers.hpp"

#include <openssl/evp.h>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::cloud {

namespace {

constexpr double kMostForAnHour = 1e6;  ///< USD; no instance costs that much

/// Names and tags are texts of other people, so they are made printable here, once for all.
std::string text_of(const pugi::xml_node& node, const char* element) {
  return printable(trim(node.child_value(element)));
}

Tags tags_in(const pugi::xml_node& node) {
  Tags tags;
  for (const auto& item : node.child("tagSet").children("item"))
    tags[text_of(item, "key")] = text_of(item, "value");
  return tags;
}

/// -1 if the answer has no such number, as for the ports of a rule for all protocols.
int number_of(const pugi::xml_node& node, const char* element) {
  return node.child(element).text().as_int(-1);
}

/// A count that is 0 where the answer does not have it.
/// Negative numbers make no sense for disks and cores.
int count_in(const pugi::xml_node& node, const char* element) {
  return std::max(number_of(node, element), 0);
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
                    .image = text_of(item, "imageId"),
                    .subnet = text_of(item, "subnetId"),
                    .cores = count_in(item.child("cpuOptions"), "coreCount"),
                    .threads_per_core = count_in(item.child("cpuOptions"), "threadsPerCore"),
                    .spot = text_of(item, "instanceLifecycle") == "spot",
                    // The first card only: ec2mpi starts no instance with a second one.
                    .efa = text_of(item.child("networkInterfaceSet").child("item"), "interfaceType") == "efa",
                    .security_groups = names_in(item, "groupSet", "groupId"),
                    .tags = tags_in(item)};
  return instance;
}

}  // namespace

std::vector<Instance> instances_in(const pugi::xml_node& answer) {
  std::vector<Instance> instances;
  // EC2 groups instances by the launch that made them; ec2mpi does not need the groups.
  for (const auto& reservation : answer.child("reservationSet").children("item"))
    for (const auto& item : reservation.child("instancesSet").children("item"))
      instances.push_back(instance_in(item));
  return instances;
}

std::vector<Instance> started_instances_in(const pugi::xml_node& answer) {
  std::vector<Instance> instances;
  for (const auto& item : answer.child("instancesSet").children("item"))
    instances.push_back(instance_in(item));
  return instances;
}

/// Rules for IPv6 and for other groups are left out: ec2mpi changes rules for IPv4 networks only.
std::vector<SecurityGroup> security_groups_in(const pugi::xml_node& answer) {
  std::vector<SecurityGroup> groups;
  for (const auto& item : answer.child("securityGroupInfo").children("item")) {
    SecurityGroup group{text_of(item, "groupId"), text_of(item, "groupName"), {}, tags_in(item)};
    // A rule of EC2 may be for many networks; here each network has a rule.
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
  // EVP_DecodeBlock knows no line breaks within the text.
  std::erase_if(encoded, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  std::string text(encoded.size() / 4 * 3 + 3, '\0');
  const int size = ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(encoded.data()),
                                     static_cast<int>(encoded.size()));
  text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  std::erase(text, '\0');  // the padding decodes to zero bytes
  return text;
}

/// Of the first item, since one type was asked for. The newest architecture stands last.
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
  type.cores = count_in(item.child("vCpuInfo"), "defaultCores");
  type.threads_per_core = count_in(item.child("vCpuInfo"), "defaultThreadsPerCore");
  type.efa = text_of(item.child("networkInfo"), "efaSupported") == "true";
  const auto architectures = texts("processorInfo", "supportedArchitectures");  // old ones have i386 too
  if (!architectures.empty()) type.architecture = architectures.back();
  const auto strategies = texts("placementGroupInfo", "supportedStrategies");
  type.cluster_placement = std::ranges::find(strategies, "cluster") != strategies.end();
  return type;
}

std::vector<Image> images_in(const pugi::xml_node& answer) {
  std::vector<Image> images;
  for (const auto& item : answer.child("imagesSet").children("item"))
    images.push_back({text_of(item, "imageId"), text_of(item, "name"), text_of(item, "creationDate"),
                      text_of(item, "architecture"), text_of(item, "rootDeviceName")});
  return images;
}

std::vector<Subnet> subnets_in(const pugi::xml_node& answer) {
  std::vector<Subnet> subnets;
  for (const auto& item : answer.child("subnetSet").children("item"))
    subnets.push_back({text_of(item, "subnetId"), text_of(item, "vpcId"), text_of(item, "availabilityZone")});
  return subnets;
}

std::vector<Reservation> reservations_in(const pugi::xml_node& answer) {
  std::vector<Reservation> found;
  for (const auto& item : answer.child("capacityReservationSet").children("item")) {
    const auto group = text_of(item, "placementGroupArn");  // arn:aws:ec2:REGION:ACCOUNT:placement-group/NAME
    found.push_back({text_of(item, "capacityReservationId"), text_of(item, "instanceType"),
                     text_of(item, "availabilityZone"), group.substr(group.find('/') + 1)});
  }
  return found;
}

std::vector<Disk> disks_in(const pugi::xml_node& answer) {
  std::vector<Disk> disks;
  for (const auto& item : answer.child("volumeSet").children("item")) {
    auto tags = tags_in(item);
    disks.push_back({text_of(item, "volumeId"), text_of(item, "volumeType"), count_in(item, "size"),
                     text_of(item.child("attachmentSet").child("item"), "instanceId"),
                     std::move(tags[kClusterTag])});
  }
  return disks;
}

std::vector<SpotPrice> spot_prices_in(const pugi::xml_node& answer) {
  std::vector<SpotPrice> prices;
  for (const auto& item : answer.child("spotPriceHistorySet").children("item")) {
    const auto hour = item.child("spotPrice").text().as_double();
    // pugixml reads a text that is no number as 0, which would make an instance look free.
    if (hour > 0 && hour < kMostForAnHour)
      prices.push_back({text_of(item, "instanceType"), text_of(item, "availabilityZone"), hour});
  }
  return prices;
}

std::optional<double> quota_in(const std::string& json) {
  // Without exceptions: an answer that is no JSON only has no quota.
  const auto answer = nlohmann::json::parse(json, nullptr, false);
  if (!answer.is_object() || !answer.contains("Quota") || !answer["Quota"].is_object()) return std::nullopt;
  const auto value = answer["Quota"].find("Value");
  if (value == answer["Quota"].end() || !value->is_number()) return std::nullopt;
  return value->get<double>();
}

/// Not made printable: the token returns to EC2 as it came.
std::string next_page_in(const pugi::xml_node& answer) {
  return answer.child_value("nextToken");
}

std::string to_base64(const std::string& bytes) {
  // EVP_EncodeBlock writes a NUL behind the text, hence the one.
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace ec2mpi::cloud
