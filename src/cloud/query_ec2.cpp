#include "src/cloud/query_ec2.hpp"

#include <algorithm>
#include <cctype>
#include <set>
#include <tuple>

#include "ec2mpi/base/try.hpp"
#include "src/cloud/answers.hpp"
#include "src/cloud/query.hpp"
#include "src/cloud/request_parameters.hpp"

namespace ec2mpi::cloud {

namespace {

constexpr std::size_t kMostFilterValues = 200;  ///< EC2's own limit
constexpr std::size_t kMostPages = 10'000;      ///< against an endpoint that never ends

/// Those that fit in one filter, taken from the front.
std::vector<std::string> take_some(std::vector<std::string>& ids) {
  const auto count = static_cast<std::ptrdiff_t>(std::min(ids.size(), kMostFilterValues));
  std::vector<std::string> some(ids.begin(), ids.begin() + count);
  ids.erase(ids.begin(), ids.begin() + count);
  return some;
}

/// An id that EC2 answers with nothing.
std::unexpected<ApiError> not_there(const std::string& what) {
  Error error{ErrorKind::usage, what + " does not exist in this region, or is not for this account"};
  return std::unexpected(ApiError(std::move(error), Problem::not_found));
}

/// A call whose answer says no more than that it worked. A dry run that would work counts as such:
/// EC2 answers it with the error DryRunOperation.
Answer<void> worked(const Answer<pugi::xml_document>& answer) {
  if (answer || answer.error().problem == Problem::dry_run) return {};
  return std::unexpected(answer.error());
}

}  // namespace

/// A failed page fails the whole answer: part of a list would look like instances that have ended.
asio::awaitable<Answer<std::vector<pugi::xml_document>>> QueryEc2::pages(std::string action,
                                                                         Parameters parameters, Limit limit) {
  std::vector<pugi::xml_document> pages;
  parameters.emplace_back("MaxResults", "1000");
  std::set<std::string> known;
  for (std::string next;;) {
    auto asked = parameters;
    if (!next.empty()) asked.emplace_back("NextToken", next);
    CO_TRY_AS(answer, co_await query_.call(action, std::move(asked), limit));
    next = next_page_in(answer->document_element());
    pages.push_back(std::move(*answer));
    if (next.empty()) co_return std::move(pages);
    if (known.size() == kMostPages || !known.insert(next).second) {
      ApiError error({ErrorKind::remote_io, action + ": the pages of EC2's answer have no end"},
                     Problem::other);
      co_return std::unexpected(std::move(error));
    }
  }
}

/// For calls that change something and answer with nothing of use.
asio::awaitable<Answer<void>> QueryEc2::act(std::string action, Parameters parameters, Limit limit) {
  const auto answer = co_await query_.call(std::move(action), std::move(parameters), limit);
  co_return worked(answer);
}

/// The oldest first, and by id within one launch, so that equal questions get equal answers.
asio::awaitable<Answer<std::vector<Instance>>> QueryEc2::instances(std::vector<Filter> filters, Limit limit) {
  std::vector<Instance> found;
  CO_TRY_AS(all, co_await pages("DescribeInstances", filter_parameters(filters), limit));
  for (const auto& page : *all)
    for (auto& instance : instances_in(page.document_element())) found.push_back(std::move(instance));
  std::sort(found.begin(), found.end(), [](const Instance& one, const Instance& other) {
    return std::tie(one.launched, one.id) < std::tie(other.launched, other.id);
  });
  co_return std::move(found);
}

/// In the order of `ids`. EC2 leaves out ids that it does not know, and so does the result.
asio::awaitable<Answer<std::vector<Instance>>> QueryEc2::instances_by_id(std::vector<std::string> ids,
                                                                         Limit limit) {
  std::map<std::string, Instance> by_id;
  auto left = ids;
  while (!left.empty()) {
    // By filter: with InstanceId, one id that does not exist would make the whole call fail.
    std::vector<Filter> filters(1);
    filters[0].name = "instance-id";
    filters[0].values = take_some(left);
    CO_TRY_AS(some, co_await instances(std::move(filters), limit));
    for (auto& instance : *some) by_id.emplace(instance.id, std::move(instance));
  }
  std::vector<Instance> found;
  for (const auto& id : ids) {
    const auto place = by_id.find(id);
    if (place != by_id.end()) found.push_back(place->second);
  }
  co_return std::move(found);
}

asio::awaitable<Answer<void>> QueryEc2::stop(std::vector<std::string> ids, bool dry_run, Limit limit) {
  return act("StopInstances", for_instances(ids, dry_run), limit);
}

asio::awaitable<Answer<void>> QueryEc2::start(std::vector<std::string> ids, bool dry_run, Limit limit) {
  return act("StartInstances", for_instances(ids, dry_run), limit);
}

asio::awaitable<Answer<void>> QueryEc2::terminate(std::vector<std::string> ids, bool dry_run, Limit limit) {
  return act("TerminateInstances", for_instances(ids, dry_run), limit);
}

asio::awaitable<Answer<void>> QueryEc2::tag(std::vector<std::string> ids, Tags tags, bool dry_run,
                                            Limit limit) {
  Parameters parameters;
  add_list(parameters, "ResourceId", ids);
  int count = 0;
  for (const auto& [key, value] : tags) {
    const auto name = "Tag." + std::to_string(++count);
    parameters.emplace_back(name + ".Key", key);
    parameters.emplace_back(name + ".Value", value);
  }
  if (dry_run) parameters.emplace_back("DryRun", "true");
  return act("CreateTags", std::move(parameters), limit);
}

/// What a `shutdown` within the instance does: stop it, or terminate it.
asio::awaitable<Answer<void>> QueryEc2::set_shutdown_behaviour(std::string id, ShutdownBehaviour behaviour,
                                                               bool dry_run, Limit limit) {
  Parameters parameters{{"InstanceId", std::move(id)},
                        {"InstanceInitiatedShutdownBehavior.Value", name_of(behaviour)}};
  if (dry_run) parameters.emplace_back("DryRun", "true");
  return act("ModifyInstanceAttribute", std::move(parameters), limit);
}

asio::awaitable<Answer<std::string>> QueryEc2::console_output(std::string id, Limit limit) {
  Parameters parameters;
  parameters.emplace_back("InstanceId", id);
  // Without it, EC2 answers with the copy of the console that it took after the start.
  parameters.emplace_back("Latest", "true");
  auto answer = co_await query_.call("GetConsoleOutput", parameters, limit);
  if (!answer && answer.error().code == "UnsupportedOperation") {  // instances that are not Nitro
    parameters.pop_back();
    answer = co_await query_.call("GetConsoleOutput", std::move(parameters), limit);
  }
  if (!answer) co_return std::unexpected(answer.error());
  co_return console_output_in(answer->document_element());
}

asio::awaitable<Answer<std::vector<SecurityGroup>>> QueryEc2::security_groups(std::vector<Filter> filters,
                                                                              Limit limit) {
  std::vector<SecurityGroup> found;
  CO_TRY_AS(all, co_await pages("DescribeSecurityGroups", filter_parameters(filters), limit));
  for (const auto& page : *all)
    for (auto& group : security_groups_in(page.document_element())) found.push_back(std::move(group));
  co_return std::move(found);
}

asio::awaitable<Answer<void>> QueryEc2::allow(std::string group, IngressRule rule, Limit limit) {
  return act("AuthorizeSecurityGroupIngress", for_rule(group, rule), limit);
}

asio::awaitable<Answer<void>> QueryEc2::revoke(std::string group, IngressRule rule, Limit limit) {
  rule.description.clear();  // EC2 finds the rule without it
  return act("RevokeSecurityGroupIngress", for_rule(group, rule), limit);
}

asio::awaitable<Answer<void>> QueryEc2::delete_security_group(std::string group, Limit limit) {
  return act("DeleteSecurityGroup", {{"GroupId", std::move(group)}}, limit);
}

asio::awaitable<Answer<std::vector<std::string>>> QueryEc2::key_pairs(std::vector<Filter> filters,
                                                                      Limit limit) {
  CO_TRY_AS(answer, co_await query_.call("DescribeKeyPairs", filter_parameters(filters), limit));
  co_return names_in(answer->document_element(), "keySet", "keyName");
}

asio::awaitable<Answer<void>> QueryEc2::delete_key_pair(std::string name, Limit limit) {
  return act("DeleteKeyPair", {{"KeyName", std::move(name)}}, limit);
}

asio::awaitable<Answer<std::vector<std::string>>> QueryEc2::placement_groups(std::vector<Filter> filters,
                                                                             Limit limit) {
  CO_TRY_AS(answer, co_await query_.call("DescribePlacementGroups", filter_parameters(filters), limit));
  co_return names_in(answer->document_element(), "placementGroupSet", "groupName");
}

asio::awaitable<Answer<void>> QueryEc2::delete_placement_group(std::string name, Limit limit) {
  return act("DeletePlacementGroup", {{"GroupName", std::move(name)}}, limit);
}

/// An unknown type is an error of EC2's (InvalidInstanceType), and no empty answer.
asio::awaitable<Answer<InstanceType>> QueryEc2::instance_type(std::string name, Limit limit) {
  Parameters parameters;
  parameters.emplace_back("InstanceType.1", std::move(name));
  CO_TRY_AS(answer, co_await query_.call("DescribeInstanceTypes", std::move(parameters), limit));
  co_return instance_type_in(answer->document_element());
}

/// `pattern` may have EC2's * and ?; only images of `owner`, because anybody may publish one of that name.
asio::awaitable<Answer<Image>> QueryEc2::newest_image(std::string owner, std::string pattern, Limit limit) {
  Parameters parameters{{"Owner.1", owner},
                        {"Filter.1.Name", "name"},
                        {"Filter.1.Value.1", pattern},
                        {"Filter.2.Name", "state"},
                        {"Filter.2.Value.1", "available"}};
  CO_TRY_AS(answer, co_await query_.call("DescribeImages", std::move(parameters), limit));
  const auto images = images_in(answer->document_element());
  // As ISO 8601, the later moment is the greater text.
  const auto newest = std::ranges::max_element(images, {}, &Image::created);
  if (newest != images.end()) co_return *newest;
  Error error{ErrorKind::usage, "EC2 has no image " + pattern + " in this region; name one with --ami"};
  co_return std::unexpected(ApiError(std::move(error), Problem::not_found));
}

asio::awaitable<Answer<Image>> QueryEc2::image(std::string id, Limit limit) {
  Parameters parameters{{"ImageId.1", id}};
  CO_TRY_AS(answer, co_await query_.call("DescribeImages", std::move(parameters), limit));
  auto images = images_in(answer->document_element());
  if (images.size() == 1) co_return std::move(images.front());
  co_return not_there("the image " + id);
}

asio::awaitable<Answer<std::vector<Subnet>>> QueryEc2::subnets(std::vector<Filter> filters, Limit limit) {
  std::vector<Subnet> found;
  CO_TRY_AS(all, co_await pages("DescribeSubnets", filter_parameters(filters), limit));
  for (const auto& page : *all)
    for (auto& subnet : subnets_in(page.document_element())) found.push_back(std::move(subnet));
  co_return std::move(found);
}

/// Errors: not_found, also for a reservation of another account.
asio::awaitable<Answer<Reservation>> QueryEc2::reservation(std::string id, Limit limit) {
  Parameters parameters{{"CapacityReservationId.1", id}};
  CO_TRY_AS(answer, co_await query_.call("DescribeCapacityReservations", std::move(parameters), limit));
  auto found = reservations_in(answer->document_element());
  if (found.size() == 1) co_return std::move(found.front());
  co_return not_there("the reservation " + id);
}

/// Those of `ids` that fail one of EC2's two status checks; each once.
asio::awaitable<Answer<std::vector<std::string>>> QueryEc2::failing(std::vector<std::string> ids,
                                                                    Limit limit) {
  std::vector<std::string> found;
  // All filters of one call must fit, so each check needs its own call.
  for (const char* check : {"instance-status.status", "system-status.status"}) {
    Parameters parameters{{"Filter.1.Name", check}, {"Filter.1.Value.1", "impaired"}};
    CO_TRY_AS(all, co_await pages("DescribeInstanceStatus", std::move(parameters), limit));
    for (const auto& page : *all)
      // The call answers for all instances of the region; only ours are reported.
      for (auto& id : names_in(page.document_element(), "instanceStatusSet", "instanceId"))
        if (std::ranges::count(ids, id) != 0 && std::ranges::count(found, id) == 0)
          found.push_back(std::move(id));
  }
  co_return std::move(found);
}

asio::awaitable<Answer<std::vector<Disk>>> QueryEc2::disks(std::vector<Filter> filters, Limit limit) {
  std::vector<Disk> found;
  CO_TRY_AS(all, co_await pages("DescribeVolumes", filter_parameters(filters), limit));
  for (const auto& page : *all)
    for (auto& disk : disks_in(page.document_element())) found.push_back(std::move(disk));
  co_return std::move(found);
}

asio::awaitable<Answer<std::vector<std::string>>> QueryEc2::regions(Limit limit) {
  Parameters none;
  CO_TRY_AS(answer, co_await query_.call("DescribeRegions", std::move(none), limit));
  co_return names_in(answer->document_element(), "regionInfo", "regionName");
}

/// A service of its own with a JSON API, so query_ does not serve it. The plan works without the answer:
/// nothing is repeated.
asio::awaitable<Answer<double>> QueryEc2::quota(std::string code, Limit limit) {
  if (settings_.quotas_endpoint.empty())
    co_return fail(ErrorKind::usage, "Service Quotas has no endpoint of its own here");
  CO_TRY_AS(signer, co_await credentials_.get(limit));
  HttpRequest request;
  request.url = settings_.quotas_endpoint;
  // `code` is a constant of quota_code, so it holds nothing to escape.
  request.body = R"({"ServiceCode":"ec2","QuotaCode":")" + code + "\"}";
  request.headers = {"Content-Type: application/x-amz-json-1.1",
                     "X-Amz-Target: ServiceQuotasV20190624.GetServiceQuota"};
  request.signer = std::move(*signer);
  request.region = settings_.region;
  request.service = "servicequotas";
  CO_TRY_AS(answer, co_await http_->send(std::move(request), limit));
  const auto value = answer->status == 200 ? quota_in(answer->body) : std::nullopt;
  if (value) co_return *value;
  co_return fail(ErrorKind::auth, "Service Quotas does not answer with the quota");
}

asio::awaitable<Answer<std::vector<SpotPrice>>> QueryEc2::spot_prices(std::vector<std::string> types,
                                                                      std::string moment, Limit limit) {
  // A history that begins and ends now holds the prices that are in force.
  Parameters parameters{{"ProductDescription.1", "Linux/UNIX"}, {"StartTime", moment}, {"EndTime", moment}};
  add_list(parameters, "InstanceType", types);
  CO_TRY_AS(all, co_await pages("DescribeSpotPriceHistory", std::move(parameters), limit));
  std::vector<SpotPrice> found;
  for (const auto& page : *all)
    for (auto& price : spot_prices_in(page.document_element())) found.push_back(std::move(price));
  co_return std::move(found);
}

asio::awaitable<Answer<std::vector<std::string>>> QueryEc2::zones(Limit limit) {
  // Without local zones and wavelength zones.
  Parameters parameters{{"Filter.1.Name", "zone-type"}, {"Filter.1.Value.1", "availability-zone"}};
  CO_TRY_AS(answer, co_await query_.call("DescribeAvailabilityZones", std::move(parameters), limit));
  co_return names_in(answer->document_element(), "availabilityZoneInfo", "zoneName");
}

/// Returns the id of the group. Without `network` EC2 takes the default VPC of the region.
asio::awaitable<Answer<std::string>> QueryEc2::create_security_group(std::string name, std::string network,
                                                                     Tags tags, Limit limit) {
  Parameters parameters{{"GroupName", name}, {"GroupDescription", "Made by ec2mpi up"}};
  if (!network.empty()) parameters.emplace_back("VpcId", network);
  add_tags(parameters, 1, "security-group", tags);
  CO_TRY_AS(answer, co_await query_.call("CreateSecurityGroup", std::move(parameters), limit));
  co_return std::string(answer->document_element().child_value("groupId"));
}

asio::awaitable<Answer<void>> QueryEc2::allow_members(std::string group, bool outwards, Limit limit) {
  // -1: every protocol and port, from members of the group only.
  Parameters parameters{
      {"GroupId", group}, {"IpPermissions.1.IpProtocol", "-1"}, {"IpPermissions.1.Groups.1.GroupId", group}};
  return act(outwards ? "AuthorizeSecurityGroupEgress" : "AuthorizeSecurityGroupIngress",
             std::move(parameters), limit);
}

/// The public half only. EC2 refuses a name that exists.
asio::awaitable<Answer<void>> QueryEc2::import_key_pair(std::string name, std::string public_key, Tags tags,
                                                        Limit limit) {
  Parameters parameters{{"KeyName", std::move(name)}, {"PublicKeyMaterial", to_base64(public_key)}};
  add_tags(parameters, 1, "key-pair", tags);
  return act("ImportKeyPair", std::move(parameters), limit);
}

asio::awaitable<Answer<void>> QueryEc2::create_placement_group(std::string name, Tags tags, Limit limit) {
  Parameters parameters{{"GroupName", std::move(name)}, {"Strategy", "cluster"}};
  add_tags(parameters, 1, "placement-group", tags);
  return act("CreatePlacementGroup", std::move(parameters), limit);
}

/// All instances or none: EC2 starts no part of them. A dry run that would work answers with none.
asio::awaitable<Answer<std::vector<Instance>>> QueryEc2::run_instances(LaunchRequest request, bool dry_run,
                                                                       Limit limit) {
  const auto answer = co_await query_.call("RunInstances", for_launch(request, dry_run), limit);
  if (!answer && answer.error().problem != Problem::dry_run) co_return std::unexpected(answer.error());
  if (!answer) co_return std::vector<Instance>();
  co_return started_instances_in(answer->document_element());
}

std::unique_ptr<Ec2> open_ec2(asio::any_io_executor executor, CloudSettings settings,
                              Environment environment) {
  return std::make_unique<QueryEc2>(std::move(settings), std::move(environment),
                                    make_http_sender(std::move(executor)), RetryPolicy());
}

/// Families with the same quota share a row. An empty code: AWS has no such quota for them.
std::string quota_code(std::string_view type, bool spot) {
  // Each family of types to its quotas: of instances on demand, and of spot instances. AWS's names for them:
  // "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", "All Standard ... Spot Requests", ...
  struct Quota {
    std::string_view families;  ///< the letters in front of a type's first digit, between blanks
    const char* on_demand;
    const char* spot;
  };
  static constexpr Quota kQuotas[] = {{" a c d h i im is m r t z ", "L-1216C47A", "L-34B43A08"},
                                      {" g gr vt ", "L-DB2E81BA", "L-3819A6DF"},
                                      {" p ", "L-417A185B", ""},
                                      {" x ", "L-7295265B", "L-E3A00192"},
                                      {" hpc ", "L-F7808C92", ""}};
  const auto letters = type.substr(0, type.find_first_of("0123456789"));
  const auto family = " " + std::string(letters) + " ";
  for (const auto& quota : kQuotas)
    if (quota.families.find(family) != std::string_view::npos) return spot ? quota.spot : quota.on_demand;
  return {};
}

/// The name becomes part of other names (group, key file), for which EC2 allows 255 characters.
bool is_cluster_name(std::string_view name) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; };
  return !name.empty() && name.size() <= 60 && name.front() != '-' && name.front() != '.' &&
         std::ranges::all_of(name, fits);
}

std::vector<Filter> of_cluster(const std::string& name) {
  return {{.name = std::string("tag:") + kClusterTag, .values = {name}}};
}

}  // namespace ec2mpi::cloud
