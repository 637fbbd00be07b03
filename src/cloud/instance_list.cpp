#include "ec2mpi/cloud/instance_list.hpp"

#include <algorithm>
#include <asio/this_coro.hpp>
#include <cctype>
#include <nlohmann/json.hpp>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "ec2mpi/cluster/values/own_table.hpp"
#include "src/cloud/http.hpp"

namespace ec2mpi::cloud {

namespace {

// cloud-init prints the public host keys between these lines on the serial console.
constexpr std::string_view kBegin = "-----BEGIN SSH HOST KEY KEYS-----";
constexpr std::string_view kEnd = "-----END SSH HOST KEY KEYS-----";

/// An en dash for nothing, as in the EC2 console; the reader of lists knows it.
std::string cell(const std::string& text) {
  return text.empty() ? "\u2013" : printable(text);
}

/// Strict: each program on the instance can print to the console.
bool is_base64(std::string_view text) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '+' || c == '/' || c == '='; };
  return text.size() >= 16 && std::ranges::all_of(text, fits);
}

/// DSA keys are left out: no current sshd shows one.
bool is_key_type(std::string_view text) {
  return text == "ssh-ed25519" || text == "ssh-rsa" || text.starts_with("ecdsa-sha2-nistp");
}

}  // namespace

/// Tab-separated, with the titles of the EC2 console, which the reader of lists knows.
std::string list_text(const std::vector<Instance>& instances, const std::vector<std::string>& names,
                      bool public_addresses) {
  const bool ipv6 = std::ranges::any_of(instances, [](const Instance& one) { return !one.ipv6.empty(); });
  auto text = own_columns(public_addresses);
  if (ipv6) text += "IPv6 IPs\t";
  const bool users =
      std::ranges::any_of(instances, [](const Instance& one) { return !one.tag(kUserTag).empty(); });
  text += users ? "Launch time\tUser\n" : "Launch time\n";
  for (std::size_t i = 0; i < instances.size(); ++i) {
    const auto& one = instances[i];
    const auto name = i < names.size() && !names[i].empty() ? names[i] : one.tag("Name");
    std::vector<std::string> cells{cell(name), one.id, cell(one.state), cell(one.type), cell(one.zone)};
    // Only if wanted: a column of public addresses would make them the ones to connect to.
    if (public_addresses) cells.push_back(cell(one.public_address));
    cells.push_back(cell(one.private_address));
    if (ipv6) cells.push_back(cell(one.ipv6));
    cells.push_back(cell(one.launched));
    if (users) cells.push_back(cell(one.tag(kUserTag)));
    text += join(cells, "\t") + "\n";
  }
  return text;
}

std::vector<std::pair<std::string, std::string>> host_keys_in(std::string_view console_output) {
  std::vector<std::pair<std::string, std::string>> keys;
  const auto begin = console_output.find(kBegin);
  if (begin == std::string_view::npos) return keys;
  const auto block = console_output.substr(begin + kBegin.size());
  const auto end = block.find(kEnd);
  // cloud-init may still be printing when EC2 takes its copy of the console.
  if (end == std::string_view::npos) return keys;
  // The console ends its lines with CR LF; words() drops the CR.
  for (const auto line : split(block.substr(0, end), '\n')) {
    const auto parts = words(line);
    if (parts.size() >= 2 && is_key_type(parts[0]) && is_base64(parts[1]))
      keys.emplace_back(parts[0], parts[1]);
  }
  return keys;
}

/// The address that a security group sees: behind a router, this machine does not know it.
asio::awaitable<Result<std::string>> find_own_address(Environment environment, Limit limit) {
  const auto executor = co_await asio::this_coro::executor;
  const auto http = make_http_sender(executor);
  HttpRequest request;
  request.method = "GET";
  CO_TRY_AS(service, checked_endpoint(
                         environment("EC2MPI_ADDRESS_SERVICE").value_or("https://checkip.amazonaws.com")));
  request.url = std::move(*service);
  const auto url = printable(request.url);
  CO_TRY_AS(answer, co_await http->send(std::move(request), limit));
  const std::string address(trim(answer->body));
  // A network's login page answers with status 200, too.
  if (answer->status != 200 || !is_ipv4(address))
    co_return fail(ErrorKind::unreachable,
                   url + " does not answer with an IPv4 address; name yours with --from");
  co_return address;
}

std::string iam_policy() {
  using nlohmann::ordered_json;
  // EC2's Describe calls and GetConsoleOutput cannot be limited to some instances in every partition.
  const ordered_json look{
      {"Sid", "Look"},
      {"Effect", "Allow"},
      {"Action",
       {"ec2:DescribeInstances", "ec2:DescribeSecurityGroups", "ec2:DescribeKeyPairs",
        "ec2:DescribePlacementGroups", "ec2:DescribeInstanceTypes", "ec2:DescribeImages",
        "ec2:DescribeAvailabilityZones", "ec2:DescribeSubnets", "ec2:DescribeCapacityReservations",
        "ec2:DescribeInstanceStatus", "ec2:DescribeRegions", "ec2:DescribeVolumes",
        "ec2:DescribeSpotPriceHistory", "ec2:GetConsoleOutput", "servicequotas:GetServiceQuota"}},
      {"Resource", "*"}};
  const ordered_json change{
      {"Sid", "StartStopEnd"},
      {"Effect", "Allow"},
      {"Action",
       {"ec2:RunInstances", "ec2:CreateTags", "ec2:StopInstances", "ec2:StartInstances",
        "ec2:TerminateInstances", "ec2:ModifyInstanceAttribute", "ec2:CreateSecurityGroup",
        "ec2:ImportKeyPair", "ec2:CreatePlacementGroup", "ec2:AuthorizeSecurityGroupIngress",
        "ec2:AuthorizeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress", "ec2:DeleteSecurityGroup",
        "ec2:DeleteKeyPair", "ec2:DeletePlacementGroup"}},
      {"Resource", "*"}};
  return ordered_json{{"Version", "2012-10-17"}, {"Statement", {look, change}}}.dump(2) + "\n";
}

}  // namespace ec2mpi::cloud
