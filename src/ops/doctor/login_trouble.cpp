#include "src/ops/doctor/login_trouble.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/facts.hpp"

namespace ec2mpi::ops {

namespace {

using Fix = LoginTrouble::Fix;

constexpr std::string_view kUnverified = "Host key verification failed";

/// One text of ssh's. If `path` is set, the word behind the text is a path.
struct Known {
  std::string_view text;
  std::string_view cause;
  Fix fix;
  bool path = false;
};

/// A text stands above the ones that ssh prints as a consequence of it.
constexpr Known kKnown[] = {
    {"REMOTE HOST IDENTIFICATION HAS CHANGED",
     "a node remembers another machine's host key at this address (a stopped instance returns its address)",
     Fix::setup},
    {kUnverified, "the nodes do not know each other's host keys", Fix::setup},
    {"Bad owner or permissions on ", "ssh refuses this file because of its owner or mode: {}", Fix::owner,
     true},
    {"UNPROTECTED PRIVATE KEY FILE", "ssh refuses a private key that other users can read", Fix::setup},
    {"Permission denied (", "the nodes do not let each other in", Fix::setup},
    {"Could not resolve hostname", "a node does not know another node's name", Fix::setup},
    {": Connection refused", "connection refused", Fix::connection},
    {": No route to host", "no route to host", Fix::connection},
    {": Connection timed out", "no answer", Fix::connection},
    {"ssh: not found", "there is no ssh client", Fix::client},
    {"ssh: command not found", "there is no ssh client", Fix::client},
    {"exchange_identification: ",
     "sshd ended the connection before the login (MaxStartups, /etc/hosts.deny?)", Fix::unknown},
};

/// Whether `reason`, which ssh gave for refusing a host key, is that setup's list has no key of this address.
/// An empty one stands for a question that ssh could not ask. Under another name (HostKeyAlias) setup writes
/// none.
bool is_missing_key(std::string_view reason) {
  constexpr std::string_view kKnownFor = " host key is known for ";
  const auto at = reason.find(kKnownFor);
  if (!reason.starts_with("No ") || at == std::string_view::npos) return reason.empty();
  auto [name, rest] = first_word(reason.substr(at + kKnownFor.size()));
  // With a port of its own: [10.0.0.11]:2222.
  if (name.starts_with('[')) name = name.substr(1, name.find(']') - 1);
  return parse_ipv4(name).has_value();
}

/// A path that a command to copy can hold without quotes.
bool is_plain_path(std::string_view path) {
  return path.starts_with('/') &&
         path.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") ==
             std::string_view::npos;
}

}  // namespace

LoginTrouble explain_login(std::string_view said) {
  for (const auto& known : kKnown) {
    const auto at = said.find(known.text);
    if (at == std::string_view::npos) continue;
    if (known.text == kUnverified && !is_missing_key(trim(said.substr(0, at)))) break;
    if (!known.path) return {std::string(known.cause), known.fix};
    const auto rest = words(said.substr(at + known.text.size()));
    // Without the word behind it, the text explains nothing.
    if (rest.empty()) continue;
    const auto path = rest.front();
    // Another path could be shell text in the command that fixes it.
    return {fmt::format(fmt::runtime(known.cause), printable(path)),
            is_plain_path(path) ? known.fix : Fix::unknown, std::string(path)};
  }
  return {std::string(said)};
}

}  // namespace ec2mpi::ops
