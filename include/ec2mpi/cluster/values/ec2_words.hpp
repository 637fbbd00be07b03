#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ec2mpi {

/// "i-" and 8 (before 2016, and Eucalyptus) or 17 hexadecimal digits: the form of every EC2 instance id.
[[nodiscard]] bool is_instance_id(std::string_view text);

/// "i-" and at least six hexadecimal digits, or letters taken for digits (O, l): an id, or one cut short or
/// mistyped; never a host.
[[nodiscard]] bool looks_like_instance_id(std::string_view text);

/// "c5n.large", "u-6tb1.metal", "x2iedn.metal-24xl": family with a digit, a dot, a size.
[[nodiscard]] bool is_instance_type(std::string_view text);

/// "us-east-2a", "us-gov-west-1b", "us-west-2-lax-1a", "us-east-1-wl1-bos-wlz-1".
[[nodiscard]] bool is_availability_zone(std::string_view text);

/// How the console, the aws command and spreadsheets write "nothing": empty, a dash of any length, None,
/// null, N/A.
[[nodiscard]] bool is_blank_cell(std::string_view text);

/// Begins like a date of the console ("2021/08/08 09:11 GMT-7", "August 8, 2021 at ...", "Sun Aug 08 2021
/// ...") or of the API (ISO 8601).
[[nodiscard]] bool looks_like_date(std::string_view text);

/// How many of the words are one date of the console with its time and zone, "2021/08/08 09:11 GMT-7"; 0 if
/// they do not begin with a date and a time.
[[nodiscard]] std::size_t words_of_date(std::span<const std::string_view> words);

/// The address in "ec2-52-15-165-68.us-east-2.compute.amazonaws.com[.cn]" or
/// "ec2-...compute-1.amazonaws.com".
[[nodiscard]] std::optional<std::string> address_in_public_dns(std::string_view text);

/// The address in "ip-172-31-16-10.us-east-2.compute.internal" or "ip-172-31-16-10.ec2.internal".
[[nodiscard]] std::optional<std::string> address_in_private_dns(std::string_view text);

/// One spelling for all that name the same host: lower case, no dot at the end, and for a name of EC2
/// ("ec2-52-1-2-3.compute-1.amazonaws.com", "ip-10-0-0-3") the address that it holds. For comparisons: a
/// login uses the host as the list gives it.
[[nodiscard]] std::string host_in_one_spelling(std::string_view host);

/// The letters and digits of `text`, those of ASCII in lower case, without blanks, punctuation and icons:
/// "Public IPv4 address" and "publicIpv4Address" become one key.
[[nodiscard]] std::string squashed(std::string_view text);

}  // namespace ec2mpi
