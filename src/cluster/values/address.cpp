#include "ec2mpi/cluster/values/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Host byte order.
std::optional<std::uint32_t> ipv4_value(std::string_view text) {
  std::array<char, INET_ADDRSTRLEN> buffer{};
  // inet_pton reads up to a NUL, so the bytes behind it would pass unchecked.
  if (text.empty() || text.size() >= buffer.size() || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  std::copy(text.begin(), text.end(), buffer.begin());
  in_addr address{};
  if (inet_pton(AF_INET, buffer.data(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

/// `bits` is 1 to 31: a shift by the whole width is undefined.
bool in_block(std::uint32_t address, std::uint32_t block, unsigned bits) {
  return (address >> (32U - bits)) == (block >> (32U - bits));
}

/// A part of a host name between dots (RFC 1123).
bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == '-'; });
}

/// Decimal, octal or hexadecimal as inet_aton(3) reads it.
bool is_number_label(std::string_view label) {
  if (label.starts_with("0x") || label.starts_with("0X")) return true;
  return std::all_of(label.begin(), label.end(), is_digit);
}

std::optional<int> port_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  // from_chars reads a minus sign, too.
  if (value < 1 || value > 65535) return std::nullopt;
  return value;
}

/// Splits `host[:number]` into `spec.number` and the host that is returned.
std::optional<std::string_view> without_number(std::string_view text, HostSpec& spec) {
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view rest = text.substr(close + 1);
    spec.bracketed = true;
    if (!rest.empty()) {
      const auto number = rest.front() == ':' ? port_number(rest.substr(1)) : std::nullopt;
      if (!number) return std::nullopt;
      spec.number = *number;
    }
    return text.substr(1, close - 1);
  }
  const std::size_t colon = text.find(':');
  // Two colons or more are an IPv6 address without a port.
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos) return text;
  const auto number = port_number(text.substr(colon + 1));
  if (!number) return std::nullopt;
  spec.number = *number;
  return text.substr(0, colon);
}

bool set_host(std::string_view host, HostSpec& spec) {
  // An IPv4 address in IPv6's form (RFC 4291) is reached as the IPv4 address.
  if (constexpr std::string_view kMapped = "::ffff:";
      lower_case(host.substr(0, kMapped.size())) == kMapped && is_ipv4(host.substr(kMapped.size())))
    host.remove_prefix(kMapped.size());
  if (is_ipv4(host)) {
    spec.kind = is_private_ipv4(host) ? HostSpec::Kind::private_v4 : HostSpec::Kind::public_v4;
    spec.host = host;
    return !is_unusable_ipv4(host);
  }
  if (auto ipv6 = canonical_ipv6(host)) {
    spec.kind = HostSpec::Kind::ipv6;
    spec.host = std::move(*ipv6);
    return true;
  }
  spec.kind = HostSpec::Kind::name;
  // The dot that ends a fully qualified name.
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.ends_with('.') || !is_host_name(host)) return false;
  spec.host = host;
  return true;
}

}  // namespace

bool is_ipv4(std::string_view text) {
  return ipv4_value(text).has_value();
}

bool is_private_ipv4(std::string_view text) {
  const std::uint32_t address = ipv4_value(text).value_or(0);
  // 10/8, 172.16/12, 192.168/16 (RFC 1918), 100.64/10 (RFC 6598), 169.254/16, 127/8
  return in_block(address, 0x0A000000, 8) || in_block(address, 0xAC100000, 12) ||
         in_block(address, 0xC0A80000, 16) || in_block(address, 0x64400000, 10) ||
         in_block(address, 0xA9FE0000, 16) || in_block(address, 0x7F000000, 8);
}

bool is_unusable_ipv4(std::string_view text) {
  const std::uint32_t address = ipv4_value(text).value_or(0);
  // 0/8; multicast and reserved addresses, 224/3
  return in_block(address, 0, 8) || in_block(address, 0xE0000000, 3);
}

std::optional<std::string> canonical_ipv6(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  if (text.size() < 2 || text.size() >= buffer.size() || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  std::copy(text.begin(), text.end(), buffer.begin());
  in6_addr address{};
  if (inet_pton(AF_INET6, buffer.data(), &address) != 1) return std::nullopt;
  // ff00::/8 is multicast.
  if (address.s6_addr[0] == 0xFF || IN6_IS_ADDR_UNSPECIFIED(&address)) return std::nullopt;
  // glibc writes the form of RFC 5952.
  if (inet_ntop(AF_INET6, &address, buffer.data(), static_cast<socklen_t>(buffer.size())) == nullptr) {
    return std::nullopt;
  }
  return std::string(buffer.data());
}

bool is_ipv6_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash != std::string_view::npos && text.substr(0, slash).ends_with("::") &&
         text.substr(slash) != "/128";
}

bool looks_like_ipv4(std::string_view text) {
  return text.size() >= 7 && std::count(text.begin(), text.end(), '.') == 3 && text.front() != '.' &&
         text.back() != '.' && !text.contains("..") &&
         text.find_first_not_of("0123456789.") == std::string_view::npos;
}

bool is_numeric_address(std::string_view text) {
  return looks_like_ipv4(text) || canonical_ipv6(text).has_value();
}

bool names_this_machine(std::string_view host) {
  // Loopback and link-local addresses, such as that of the instance metadata.
  if (host.starts_with("127.") || host.starts_with("169.254.")) return is_ipv4(host);
  if (host == "::1" || host.starts_with("fe80:")) return true;
  if (host.empty() || !std::string_view("lLiI").contains(host.front())) return false;
  const std::string name = lower_case(host);
  return name == "localhost" || name.starts_with("localhost.") || name.starts_with("ip6-");
}

bool is_host_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > 253) return false;
  while (true) {
    const std::size_t dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == std::string_view::npos) return !is_number_label(label);
    text.remove_prefix(dot + 1);
  }
}

bool is_user_name(std::string_view text) {
  // Machines that have joined an Active Directory: user@domain.
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    if (!is_host_name(text.substr(at + 1))) return false;
    text = text.substr(0, at);
  }
  // 32: the longest name of useradd(8).
  if (text.empty() || text.size() > 32 || !(is_letter(text.front()) || text.front() == '_')) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.'; });
}

std::optional<HostSpec> parse_host_spec(std::string_view text) {
  HostSpec spec;
  // No host name and no address has an @.
  if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
    if (!is_user_name(text.substr(0, at))) return std::nullopt;
    spec.user = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  const auto host = without_number(text, spec);
  if (!host || !set_host(*host, spec)) return std::nullopt;
  return spec;
}

}  // namespace ec2mpi
