#include "ec2mpi/ssh/libssh/jump_host.hpp"

#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/address.hpp"

namespace ec2mpi::ssh {

bool take_jump_host(std::string_view word, Node& jump) {
  if (const auto at = word.rfind('@'); at != std::string_view::npos) {
    if (!is_user_name(word.substr(0, at))) return false;
    jump.user = word.substr(0, at);
    word.remove_prefix(at + 1);
  }
  jump.address = word;
  // A word in which the shell would find more than a name is no host.
  return !word.empty() && word.front() != '-' && word.find_first_of("'\"$`\\;|&<>") == std::string_view::npos;
}

std::optional<Node> jump_of_words(std::string_view words) {
  constexpr std::string_view kScheme = "ssh://";
  if (words.starts_with(kScheme)) words.remove_prefix(kScheme.size());
  // A comma divides several jump hosts, of which ec2mpi takes one only.
  const auto is_odd = [](unsigned char c) { return c <= ' ' || c == 0x7f || c == ',' || c == '/'; };
  if (std::ranges::any_of(words, is_odd)) return std::nullopt;
  Node jump;
  const auto host_begins = words.rfind('@') == std::string_view::npos ? 0 : words.rfind('@') + 1;
  const auto bracket = words.find(']', host_begins);
  const auto colon = words.find(':', bracket == std::string_view::npos ? host_begins : bracket);
  // Several colons without brackets are an IPv6 address, and none of them begins a port.
  const bool bare_ipv6 =
      colon != std::string_view::npos && words.find(':', colon + 1) != std::string_view::npos;
  if (colon != std::string_view::npos && !bare_ipv6) {
    const auto port = parse_number(words.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) return std::nullopt;
    jump.port = static_cast<std::uint16_t>(*port);
    words = words.substr(0, colon);
  }
  if (!take_jump_host(words, jump)) return std::nullopt;
  if (jump.address.starts_with('[') && jump.address.ends_with(']'))
    jump.address = jump.address.substr(1, jump.address.size() - 2);
  return jump;
}

}  // namespace ec2mpi::ssh
