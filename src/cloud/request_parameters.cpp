#include "src/cloud/request_parameters.hpp"

#include "src/cloud/answers.hpp"

namespace ec2mpi::cloud {

namespace {

/// The network card must be described as a whole if it is to be an Elastic Fabric Adapter.
void add_network(Parameters& parameters, const LaunchRequest& request) {
  const std::string card = request.shape.efa ? "NetworkInterface.1." : "";
  if (request.shape.efa) {
    parameters.emplace_back(card + "DeviceIndex", "0");
    parameters.emplace_back(card + "InterfaceType", "efa");
    parameters.emplace_back(card + "DeleteOnTermination", "true");
  }
  if (!request.subnet.empty()) parameters.emplace_back(card + "SubnetId", request.subnet);
  add_list(parameters, card + "SecurityGroupId", request.security_groups);
}

/// Only what differs from the image: EC2 takes the rest from there.
void add_disk(Parameters& parameters, const RootDisk& disk) {
  if (!disk.is_changed()) return;
  parameters.emplace_back("BlockDeviceMapping.1.DeviceName", disk.device);
  const std::string name = "BlockDeviceMapping.1.Ebs.";
  if (disk.gigabytes != 0) parameters.emplace_back(name + "VolumeSize", std::to_string(disk.gigabytes));
  if (!disk.kind.empty()) parameters.emplace_back(name + "VolumeType", disk.kind);
  // Otherwise the disk would stay, and cost, after the instance has ended.
  parameters.emplace_back(name + "DeleteOnTermination", "true");
}

/// A spot instance that is taken away ends: a stopped one could not return into a placement group.
void add_spot(Parameters& parameters, const LaunchShape& shape) {
  if (!shape.spot) return;
  parameters.emplace_back("InstanceMarketOptions.MarketType", "spot");
  const std::string name = "InstanceMarketOptions.SpotOptions.";
  parameters.emplace_back(name + "SpotInstanceType", "one-time");
  parameters.emplace_back(name + "InstanceInterruptionBehavior", "terminate");
  if (!shape.max_price.empty()) parameters.emplace_back(name + "MaxPrice", shape.max_price);
}

void add_shape(Parameters& parameters, const LaunchShape& shape) {
  add_spot(parameters, shape);
  add_disk(parameters, shape.disk);
  if (!shape.user_data.empty()) parameters.emplace_back("UserData", to_base64(shape.user_data));
  // EC2 takes both counts or none.
  if (shape.threads_per_core != 0) {
    parameters.emplace_back("CpuOptions.CoreCount", std::to_string(shape.cores));
    parameters.emplace_back("CpuOptions.ThreadsPerCore", std::to_string(shape.threads_per_core));
  }
  if (!shape.reservation.empty())
    parameters.emplace_back(
        "CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId",
        shape.reservation);
}

}  // namespace

Parameters filter_parameters(const std::vector<Filter>& filters) {
  Parameters parameters;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const auto name = "Filter." + std::to_string(i + 1);
    parameters.emplace_back(name + ".Name", filters[i].name);
    add_list(parameters, name + ".Value", filters[i].values);
  }
  return parameters;
}

Parameters for_instances(const std::vector<std::string>& ids, bool dry_run) {
  Parameters parameters;
  add_list(parameters, "InstanceId", ids);
  if (dry_run) parameters.emplace_back("DryRun", "true");
  return parameters;
}

/// The same form for allow and revoke; EC2 finds a rule by its protocol, ports and network.
Parameters for_rule(const std::string& group, const IngressRule& rule) {
  Parameters parameters{{"GroupId", group},
                        {"IpPermissions.1.IpProtocol", rule.protocol},
                        {"IpPermissions.1.FromPort", std::to_string(rule.from_port)},
                        {"IpPermissions.1.ToPort", std::to_string(rule.to_port)},
                        {"IpPermissions.1.IpRanges.1.CidrIp", rule.network}};
  if (!rule.description.empty())
    parameters.emplace_back("IpPermissions.1.IpRanges.1.Description", rule.description);
  return parameters;
}

void add_tags(Parameters& parameters, int number, const std::string& resource, const Tags& tags) {
  const auto name = "TagSpecification." + std::to_string(number);
  parameters.emplace_back(name + ".ResourceType", resource);
  int count = 0;
  for (const auto& [key, value] : tags) {
    const auto tag = name + ".Tag." + std::to_string(++count);
    parameters.emplace_back(tag + ".Key", key);
    parameters.emplace_back(tag + ".Value", value);
  }
}

const char* name_of(ShutdownBehaviour behaviour) {
  return behaviour == ShutdownBehaviour::stop ? "stop" : "terminate";
}

Parameters for_launch(const LaunchRequest& request, bool dry_run) {
  const auto count = std::to_string(request.count);
  // Equal counts: all instances start, or none. The metadata service wants a token, since a server
  // that is tricked into fetching a URL sends no PUT; with one hop, no answer leaves the instance.
  Parameters parameters{{"ImageId", request.image},
                        {"InstanceType", request.type},
                        {"MinCount", count},
                        {"MaxCount", count},
                        {"MetadataOptions.HttpTokens", "required"},
                        {"MetadataOptions.HttpPutResponseHopLimit", "1"}};
  const std::pair<const char*, const std::string&> optional[] = {
      {"KeyName", request.key_pair},
      {"Placement.GroupName", request.placement_group},
      {"Placement.AvailabilityZone", request.zone},
      {"ClientToken", request.token}};
  for (const auto& [name, value] : optional)
    if (!value.empty()) parameters.emplace_back(name, value);
  add_network(parameters, request);
  add_shape(parameters, request.shape);
  // Tagged by the launch itself: otherwise a crash before a second call would leave instances that
  // `down` does not find.
  if (!request.tags.empty()) {
    auto of_instances = request.instance_tags;
    of_instances.insert(request.tags.begin(), request.tags.end());
    add_tags(parameters, 1, "instance", of_instances);
    add_tags(parameters, 2, "volume", request.tags);
  }
  parameters.emplace_back("InstanceInitiatedShutdownBehavior", name_of(request.on_shutdown));
  if (dry_run) parameters.emplace_back("DryRun", "true");
  return parameters;
}

}  // namespace ec2mpi::cloud
