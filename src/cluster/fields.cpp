#include "ec2mpi/cluster/fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <unordered_map>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/decode.hpp"
#include "ec2mpi/cluster/ec2_words.hpp"
#include "ec2mpi/cluster/quote.hpp"

namespace ec2mpi {
namespace {

const std::unordered_map<std::string_view, Field>& label_table() {
  static const std::unordered_map<std::string_view, Field> kTable = {
      {"name", Field::name},
      {"tagname", Field::name},
      {"nametag", Field::name},
      {"instancename", Field::name},
      {"instanceid", Field::instance_id},
      {"id", Field::instance_id},
      {"identifier", Field::instance_id},
      {"instancetype", Field::type},
      {"type", Field::type},
      {"size", Field::type},
      {"instancestate", Field::state},
      {"state", Field::state},
      {"statename", Field::state},
      {"status", Field::state},
      {"availabilityzone", Field::zone},
      {"zone", Field::zone},
      {"az", Field::zone},
      {"launchtime", Field::launched},
      {"launched", Field::launched},
      {"launchdate", Field::launched},
      {"publicipv4address", Field::public_v4},
      {"publicipv4addresses", Field::public_v4},
      {"publicipv4", Field::public_v4},
      {"publicipaddress", Field::public_v4},
      {"publicipaddresses", Field::public_v4},
      {"publicip", Field::public_v4},
      {"publicips", Field::public_v4},
      {"publicaddress", Field::public_v4},
      {"publicaddresses", Field::public_v4},
      {"public", Field::public_v4},
      {"ipv4publicip", Field::public_v4},
      {"externalip", Field::public_v4},
      {"elasticip", Field::elastic_ip},
      {"elasticips", Field::elastic_ip},
      {"elasticipaddress", Field::elastic_ip},
      {"eip", Field::elastic_ip},
      {"privateipv4address", Field::private_v4},
      {"privateipv4addresses", Field::private_v4},
      {"privateipv4", Field::private_v4},
      {"privateipaddress", Field::private_v4},
      {"privateipaddresses", Field::private_v4},
      {"privateip", Field::private_v4},
      {"privateips", Field::private_v4},
      {"privateaddress", Field::private_v4},
      {"privateaddresses", Field::private_v4},
      {"private", Field::private_v4},
      {"internalip", Field::private_v4},
      {"ipv6", Field::ipv6},
      {"ipv6ip", Field::ipv6},
      {"ipv6ips", Field::ipv6},
      {"ipv6address", Field::ipv6},
      {"ipv6addresses", Field::ipv6},
      {"publicipv4dns", Field::public_dns},
      {"publicdnsipv4", Field::public_dns},
      {"publicdnsname", Field::public_dns},
      {"publicdns", Field::public_dns},
      {"privateipdnsnameipv4only", Field::private_dns},
      {"privateipdnsname", Field::private_dns},
      {"privatednsname", Field::private_dns},
      {"privatedns", Field::private_dns},
      {"ip", Field::any_address},
      {"ips", Field::any_address},
      {"ipv4", Field::any_address},
      {"ipv4address", Field::any_address},
      {"ipaddress", Field::any_address},
      {"ipaddresses", Field::any_address},
      {"address", Field::any_address},
      {"addresses", Field::any_address},
      {"addr", Field::any_address},
      {"host", Field::any_address},
      {"hosts", Field::any_address},
      {"hostname", Field::any_address},
      {"statuscheck", Field::unused},
      {"statuschecks", Field::unused},
      {"alarmstatus", Field::unused},
      {"monitoring", Field::unused},
      {"securitygroupname", Field::unused},
      {"securitygroups", Field::unused},
      {"securitygroupids", Field::unused},
      {"keyname", Field::unused},
      {"keypairname", Field::unused},
      {"imdsv2", Field::unused},
      {"managed", Field::unused},
      {"operator", Field::unused},
      {"platform", Field::unused},
      {"platformdetails", Field::unused},
      {"imageid", Field::unused},
      {"amiid", Field::unused},
      {"subnetid", Field::unused},
      {"vpcid", Field::unused},
      {"ownerid", Field::unused},
      {"owner", Field::unused},
      {"service", Field::unused},
      {"region", Field::unused},
      {"tags", Field::unused},
      {"arn", Field::unused},
      {"architecture", Field::unused},
      {"virtualizationtype", Field::unused},
      {"placementgroup", Field::unused},
      {"lifecycle", Field::unused},
      {"tenancy", Field::unused},
      {"rootdevicename", Field::unused},
      {"rootdevicetype", Field::unused},
  };
  return kTable;
}

std::string_view first_of_several(std::string_view cell) {
  return trim(cell.substr(0, std::min(cell.find(','), cell.find(' '))));
}

std::optional<std::string> put_once(std::string& place, std::string_view value, std::string_view what) {
  if (place.empty() || place == value) {
    place = value;
    return std::nullopt;
  }
  return fmt::format("two different {} for one instance, {} and {}", what, in_quotes(place),
                     in_quotes(value));
}

std::optional<std::string> put_dns(std::string& place, std::string_view name,
                                   const std::optional<std::string>& encoded) {
  if (encoded) {
    if (place.empty() || place == *encoded) {
      place = *encoded;
      return std::nullopt;
    }
    return fmt::format("the DNS name {} and the address {} contradict each other", in_quotes(name, 100),
                       in_quotes(place));
  }
  const auto spec = parse_host_spec(name);
  if (place.empty() && spec && spec->kind == HostSpec::Kind::name) place = spec->host;
  return std::nullopt;
}

std::optional<std::string> put_ipv6(Node& node, std::string_view cell) {
  const std::string_view first = first_of_several(cell);
  std::string_view bare = first.substr(0, first.find('/'));
  if (const auto canonical = canonical_ipv6(bare)) return put_once(node.ipv6, *canonical, "IPv6 addresses");
  return fmt::format("{} is not a valid IPv6 address", in_quotes(first));
}

std::optional<std::string> put_address(Node& node, Field field, std::string_view cell) {
  const auto spec = parse_host_spec(first_of_several(cell));
  if (!spec) return why_no_host(first_of_several(cell));
  if (!spec->user.empty()) node.user = spec->user;
  if (spec->number != 0) node.port = static_cast<std::uint16_t>(spec->number);
  if (spec->kind == HostSpec::Kind::ipv6) return put_once(node.ipv6, spec->host, "IPv6 addresses");
  const bool is_private =
      field == Field::any_address ? spec->kind == HostSpec::Kind::private_v4 : field == Field::private_v4;
  if (const auto encoded = address_in_public_dns(spec->host); encoded && !is_private) {
    return put_dns(node.public_address, spec->host, encoded);
  }
  if (is_private && spec->kind == HostSpec::Kind::name) {
    return put_dns(node.private_address, spec->host, address_in_private_dns(spec->host));
  }
  return is_private ? put_once(node.private_address, spec->host, "private addresses")
                    : put_once(node.public_address, spec->host, "public addresses");
}

void put_word(std::string& place, std::string_view cell, bool fits) {
  if (fits && place.empty()) place = cell;
}

}  // namespace

Field field_of_label(std::string_view label) {
  if (label.size() > 60) return Field::unknown;
  const std::string key = squashed(label);
  const auto& table = label_table();
  const auto found = table.find(key);
  return found == table.end() ? Field::unknown : found->second;
}

bool is_address_field(Field field) {
  return field >= Field::public_v4;
}

std::optional<std::string> put_field(Node& node, Field field, std::string_view cell) {
  cell = trim(cell);
  if (is_blank_cell(cell)) return std::nullopt;
  switch (field) {
    case Field::name:
      put_word(node.name, cell, true);
      break;
    case Field::instance_id:
      if (!is_instance_id(cell)) return fmt::format("{} is not an instance id", in_quotes(cell));
      return put_once(node.instance_id, cell, "instance ids");
    case Field::type:
      put_word(node.type, cell, is_instance_type(cell));
      break;
    case Field::state:
      put_word(node.state, cell, is_instance_state(cell));
      break;
    case Field::zone:
      put_word(node.availability_zone, cell, is_availability_zone(cell));
      break;
    case Field::launched:
      put_word(node.launched, cell, true);
      break;
    case Field::elastic_ip:
      // The console repeats the public address here; the instance's own column counts.
      if (!node.public_address.empty()) break;
      [[fallthrough]];
    case Field::public_v4:
    case Field::private_v4:
    case Field::any_address:
      return put_address(node, field, cell);
    case Field::ipv6:
      return put_ipv6(node, cell);
    case Field::public_dns:
      return put_dns(node.public_address, cell, address_in_public_dns(cell));
    case Field::private_dns:
      if (const auto encoded = address_in_private_dns(cell))
        return put_dns(node.private_address, cell, encoded);
      break;
    case Field::unknown:
    case Field::unused:
      break;
  }
  return std::nullopt;
}

void put_host(Node& node, const HostSpec& spec) {
  node.user = spec.user;
  switch (spec.kind) {
    case HostSpec::Kind::public_v4:
    case HostSpec::Kind::name:
      node.public_address = spec.host;
      break;
    case HostSpec::Kind::private_v4:
      node.private_address = spec.host;
      break;
    case HostSpec::Kind::ipv6:
      node.ipv6 = spec.host;
      break;
  }
}

bool looks_like_ipv4(std::string_view text) {
  return text.size() >= 7 && std::count(text.begin(), text.end(), '.') == 3 && text.front() != '.' &&
         text.back() != '.' && text.find("..") == std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

std::string why_no_host(std::string_view word) {
  const std::string shown = in_quotes(word);
  if (looks_like_instance_id(word)) {
    return fmt::format("{} looks like an instance id, but has {} digits instead of 17 (or 8)", shown,
                       word.size() - 2);
  }
  if (is_instance_type(word)) return shown + " is an instance type, not an address";
  const std::string_view host = word.substr(word.find('@') + 1);
  if (host.starts_with('-')) return shown + " begins with a dash, as no host does";
  if (is_ipv4(host)) return shown + " is not the address of a machine";
  if (!host.empty() && host.find_first_not_of("0123456789.") == std::string_view::npos) {
    return shown + " is not a valid IPv4 address";
  }
  if (host.find('_') != std::string_view::npos) return shown + " is not a host name (it has an underscore)";
  return shown + " is not an address or a host name";
}

}  // namespace ec2mpi
