#include "ec2mpi/ops/trust_text.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/checksum.hpp"
#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::string_view kNotice = "# Written by ec2mpi setup; ec2mpi setup --undo takes it away.\n";
/// sshd before OpenSSH 7.7 reads lines of at most 8 KiB; one key may stand in several.
constexpr std::size_t kAddressesPerLine = 200;

/// By what the others may call it; its own names first, for the first one in /etc/hosts is the canonical one.
std::vector<std::string> names_of(const Peer& peer) {
  auto names = peer.names;
  if (peer.index > 0) names.push_back(fmt::format("node{}", peer.index));
  if (peer.index == 1) names.emplace_back("master");
  return names;
}

/// sshd(8), AUTHORIZED_KEYS FILE FORMAT: the key counts only for who comes from these addresses.
std::string authorized_keys(const std::vector<Peer>& peers, const std::string& public_key) {
  std::string text(kNotice);
  for (std::size_t begin = 0; begin < peers.size(); begin += kAddressesPerLine) {
    std::string addresses;
    for (std::size_t i = begin; i < std::min(peers.size(), begin + kAddressesPerLine); ++i)
      addresses += (addresses.empty() ? "" : ",") + peers[i].address.text();
    text += fmt::format("from=\"{}\" {} ec2mpi\n", addresses, public_key);
  }
  return text;
}

/// sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.
std::string known_hosts(const std::vector<Peer>& peers) {
  std::string text;
  for (const auto& peer : peers) {
    const auto spelled = [&peer](const std::string& name) {
      return peer.port == 22 ? name : fmt::format("[{}]:{}", name, peer.port);
    };
    auto hosts = spelled(peer.address.text());
    for (const auto& name : names_of(peer)) hosts += "," + spelled(name);
    for (const auto& key : peer.host_keys) text += fmt::format("{} {} {}\n", hosts, key.type, key.base64);
  }
  return text;
}

/// ssh_config(5). HostName makes the names work where /etc/hosts could not be written.
std::string ssh_config(const std::vector<Peer>& peers) {
  std::string text(kNotice);
  for (const auto& peer : peers) {
    text += "\nHost " + peer.address.text();
    for (const auto& name : names_of(peer)) text += " " + name;
    text += fmt::format("\n  HostName {}\n  User {}\n", peer.address.text(), peer.user);
    if (peer.port != 22) text += fmt::format("  Port {}\n", peer.port);
    text +=
        "  IdentityFile ~/.ssh/ec2mpi/key\n  IdentitiesOnly yes\n"
        "  UserKnownHostsFile ~/.ssh/ec2mpi/known_hosts\n  StrictHostKeyChecking yes\n";
  }
  return text;
}

std::string hosts_file(const std::vector<Peer>& peers) {
  std::string text(kNotice);
  for (const auto& peer : peers) {
    const auto names = names_of(peer);
    if (names.empty()) continue;
    text += peer.address.text();
    for (const auto& name : names) text += " " + name;
    text += '\n';
  }
  return text;
}

}  // namespace

std::vector<TrustText> trust_texts(const std::vector<Peer>& peers, const ssh::KeyPair& pair) {
  using Place = TrustText::Place;
  return {
      {"known_hosts", "~/.ssh/ec2mpi/known_hosts", Place::file, false, known_hosts(peers)},
      {"config", "~/.ssh/ec2mpi/config", Place::file, false, ssh_config(peers)},
      {"key", "~/.ssh/ec2mpi/key", Place::file, true, pair.private_text},
      {"include", "~/.ssh/config", Place::block, false,
       std::string(kNotice) + "Include ~/.ssh/ec2mpi/config\n"},
      {"authorized", "~/.ssh/authorized_keys", Place::block, false, authorized_keys(peers, pair.public_key)},
      {"hosts", "/etc/hosts", Place::root_block, false, hosts_file(peers)},
  };
}

Result<std::vector<TrustText>> missing_texts(const std::vector<TrustText>& wanted,
                                             const std::map<std::string, std::string>& states) {
  std::vector<TrustText> missing;
  for (const auto& text : wanted) {
    const auto state = states.find(text.name);
    if (state != states.end() && state->second == kBroken) {
      return fail(ErrorKind::remote_io,
                  fmt::format("{}: the end of ec2mpi's block ('# END ec2mpi') is missing; put it back, or "
                              "take its beginning away",
                              text.path));
    }
    if (state == states.end() || state->second != posix_cksum(text.text)) missing.push_back(text);
  }
  return missing;
}

std::string sectioned(const std::vector<TrustText>& texts) {
  std::string sections;
  std::size_t bytes = 0;
  for (const auto& text : texts) {
    sections += fmt::format("=text {}\n", text.name);
    std::string_view rest(text.text);
    bytes += rest.size();
    while (!rest.empty()) {
      const auto end = rest.find('\n') + 1;
      sections += fmt::format("|{}", rest.substr(0, end));
      rest.remove_prefix(end);
    }
  }
  return sections + fmt::format("=end {}\n", bytes);
}

}  // namespace ec2mpi::ops
