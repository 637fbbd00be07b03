#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ec2mpi {

/// Dotted quad as inet_pton(3) reads it: four decimal numbers, no leading zeros.
[[nodiscard]] bool is_ipv4(std::string_view text);

/// RFC1918, 100.64.0.0/10, 169.254.0.0/16 and 127.0.0.0/8; `text` is_ipv4.
[[nodiscard]] bool is_private_ipv4(std::string_view text);

/// Such as 0.0.0.0 or multicast, which no machine answers at; `text` is_ipv4.
[[nodiscard]] bool is_unusable_ipv4(std::string_view text);

/// The spelling of RFC 5952, or nothing if `text` is not an IPv6 address of a machine (no zone, no multicast,
/// not ::).
[[nodiscard]] std::optional<std::string> canonical_ipv6(std::string_view text);

/// "2001:db8:1::/64", as some clouds list it: the network of a machine, and not its address.
[[nodiscard]] bool is_ipv6_network(std::string_view text);

/// Four numbers with dots between, also where one is too large: that is a slip, and no name.
[[nodiscard]] bool looks_like_ipv4(std::string_view text);

/// True for an IPv4 address (or four numbers that should be one) and an IPv6 address.
[[nodiscard]] bool is_numeric_address(std::string_view text);

/// True for 127.0.0.0/8, ::1, localhost and the like, and for the addresses of a link (169.254.0.0/16,
/// fe80::): they mean another machine on each machine.
[[nodiscard]] bool names_this_machine(std::string_view host);

/// Host name of RFC 1123: labels of letters, digits and inner hyphens. The last label is not a number, as
/// otherwise `10.0.0` or `52.15.300.1` would pass, and resolvers read such names as addresses.
[[nodiscard]] bool is_host_name(std::string_view text);

/// Login name of useradd(8), upper case and inner dots allowed too, perhaps with @domain behind it: nothing
/// that ssh or a shell reads otherwise.
[[nodiscard]] bool is_user_name(std::string_view text);

/// `[user@]host[:port]`, split and checked.
struct HostSpec {
  enum class Kind { public_v4, private_v4, ipv6, name };
  Kind kind = Kind::name;
  std::string host;  ///< IPv6 in canonical spelling and without brackets; no dot at the end of a name
  std::string user;
  int number = 0;  ///< what stands after the colon: a port, or slots in an MPICH machinefile; 0 = nothing
  bool bracketed = false;  ///< `[host]:number`, which only ssh writes
};

/// Nothing if `text` is not such a specification. An IPv6 address with a port needs brackets.
[[nodiscard]] std::optional<HostSpec> parse_host_spec(std::string_view text);

}  // namespace ec2mpi
