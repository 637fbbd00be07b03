#include "ec2mpi/ops/setup/trust_text.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/checksum.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/address.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::string_view kNotice = "# Written by ec2mpi setup; ec2mpi setup --undo takes it away.\n";
/// sshd before OpenSSH 7.7 reads lines of at most 8 KiB; one key may stand in several.
constexpr std::size_t kAddressesPerLine = 200;

/// The names for the other nodes. Its own names are first, because the first one in /etc/hosts is the
/// canonical one.
std::vector<std::string> names_of(const ClusterMember& member) {
  auto names = member.names;
  auto indices = member.same_machine;
  indices.insert(indices.begin(), member.index);
  for (const int index : indices) {
    if (index > 0) names.push_back(fmt::format("node{}", index));
    if (index == 1) names.emplace_back("master");
  }
  return names;
}

/// sshd(8), AUTHORIZED_KEYS FILE FORMAT: the key counts only for clients at these addresses.
std::string authorized_keys(const std::vector<ClusterMember>& members, const std::string& public_key) {
  std::string text(kNotice);
  // Several lines for the same key: sshd takes the first line whose addresses fit.
  for (std::size_t begin = 0; begin < members.size(); begin += kAddressesPerLine) {
    std::string addresses;
    for (std::size_t i = begin; i < std::min(members.size(), begin + kAddressesPerLine); ++i)
      addresses += (addresses.empty() ? "" : ",") + members[i].address.text();
    text += fmt::format("from=\"{}\" {} ec2mpi\n", addresses, public_key);
  }
  return text;
}

/// sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.
std::string known_hosts(const std::vector<ClusterMember>& members) {
  std::string text;
  for (const auto& member : members) {
    const auto spelled = [&member](const std::string& name) {
      // As ssh writes a host with another port than 22.
      return member.port == 22 ? name : fmt::format("[{}]:{}", name, member.port);
    };
    auto hosts = spelled(member.address.text());
    for (const auto& name : names_of(member)) hosts += "," + spelled(name);
    for (const auto& key : member.host_keys) text += fmt::format("{} {} {}\n", hosts, key.type, key.base64);
  }
  return text;
}

/// Settings that a `Host *` of the user could change so that the nodes do not reach each other. Only those
/// that OpenSSH 7.4 knows, for an unknown one is an error. ProxyCommand none also puts ProxyJump out of
/// force.
constexpr std::string_view kPinned =
    "  ProxyCommand none\n  PubkeyAuthentication yes\n  PreferredAuthentications publickey\n"
    "  PubkeyAcceptedKeyTypes +ssh-ed25519\n  CanonicalizeHostname no\n  AddressFamily any\n"
    "  ExitOnForwardFailure no\n  RequestTTY auto\n";
/// ssh before OpenSSH 7.8 reads lines of at most 1 KiB.
constexpr std::size_t kLongestHosts = 900;

/// One block of settings for many hosts, since a text for each would be most of the file.
std::string pinned_settings(const std::vector<ClusterMember>& members) {
  std::string text;
  std::string hosts;
  const auto end_block = [&] {
    if (!hosts.empty()) text.append("\nHost").append(hosts).append("\n").append(kPinned);
    hosts.clear();
  };
  for (const auto& member : members) {
    auto words = " " + member.address.text();
    for (const auto& name : names_of(member)) words += " " + name;
    if (hosts.size() + words.size() > kLongestHosts) end_block();
    hosts += words;
  }
  end_block();
  return text;
}

/// ssh_config(5). HostName makes the names work where /etc/hosts could not be written. ssh takes the first
/// value of a setting, and this file is included at the top of the user's.
std::string ssh_config(const std::vector<ClusterMember>& members) {
  std::string text(kNotice);
  for (const auto& member : members) {
    text += "\nHost " + member.address.text();
    for (const auto& name : names_of(member)) text += " " + name;
    text += fmt::format("\n  HostName {}\n  User {}\n  Port {}\n", member.address.text(), member.user,
                        member.port);
    text +=
        // Only the cluster's key and the cluster's host keys count between the nodes.
        "  IdentityFile ~/.ssh/ec2mpi/key\n  IdentitiesOnly yes\n"
        "  UserKnownHostsFile ~/.ssh/ec2mpi/known_hosts\n  StrictHostKeyChecking yes\n";
  }
  return text + pinned_settings(members);
}

/// sshd_config(5), AuthorizedKeysFile: %h is the home, %u the user; a path without a slash in front begins at
/// the home.
bool reads_authorized_keys(std::string_view value, const std::string& user, const std::string& home) {
  for (const auto word : words(value)) {
    std::string path(word);
    for (const auto& [token, meaning] :
         {std::pair<std::string_view, const std::string&>{"%h", home}, {"%u", user}}) {
      if (const auto at = path.find(token); at != std::string::npos) path.replace(at, token.size(), meaning);
    }
    if (path == ".ssh/authorized_keys" || path == home + "/.ssh/authorized_keys") return true;
  }
  return false;
}

/// A pattern with other wildcards counts as one that does not accept the key.
bool accepts_ed25519(std::string_view value) {
  for (const auto pattern : split(value, ',')) {
    if (pattern == "ssh-ed25519" || pattern == "*" || pattern == "ssh-*") return true;
  }
  return false;
}

/// The spelling of the manual for the settings that choose by user, group or method; empty for others and for
/// defaults.
std::string_view chooser_name(std::string_view name) {
  if (name == "allowusers") return "AllowUsers";
  if (name == "denyusers") return "DenyUsers";
  if (name == "allowgroups") return "AllowGroups";
  if (name == "denygroups") return "DenyGroups";
  if (name == "authenticationmethods") return "AuthenticationMethods";
  return {};
}

/// hosts(5). The order is that of the members, so that an unchanged cluster gives an unchanged file.
std::string hosts_file(const std::vector<ClusterMember>& members) {
  std::string text(kNotice);
  for (const auto& member : members) {
    const auto names = names_of(member);
    if (names.empty()) continue;
    text += member.address.text();
    for (const auto& name : names) text += " " + name;
    text += '\n';
  }
  return text;
}

}  // namespace

std::vector<TrustText> trust_texts(const std::vector<ClusterMember>& members, const ssh::KeyPair& pair) {
  using Place = TrustText::Place;
  return {
      {"known_hosts", "~/.ssh/ec2mpi/known_hosts", Place::file, false, known_hosts(members)},
      {"config", "~/.ssh/ec2mpi/config", Place::file, false, ssh_config(members)},
      {"key", "~/.ssh/ec2mpi/key", Place::file, true, pair.private_text},
      {"include", "~/.ssh/config", Place::block, false,
       std::string(kNotice) + "Include ~/.ssh/ec2mpi/config\n"},
      {"authorized", "~/.ssh/authorized_keys", Place::block, false,
       authorized_keys(members, pair.public_key)},
      {"hosts", "/etc/hosts", Place::root_block, false, hosts_file(members)},
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
                              "remove its beginning",
                              text.path));
    }
    // By checksum: the answer of a node stays small, and a secret never travels back.
    if (state == states.end() || state->second != posix_cksum(text.text)) missing.push_back(text);
  }
  return missing;
}

std::string shown_loose_path(std::string_view name) {
  if (name == "home") return "~";
  if (name == "ssh") return "~/.ssh";
  if (name == "ours") return "~/.ssh/ec2mpi";
  if (name == "config") return "~/.ssh/config";
  return "~/.ssh/authorized_keys";
}

std::vector<std::string> loose_paths(const std::map<std::string, std::string>& states) {
  std::vector<std::string> paths;
  const auto found = states.find("modes");
  if (found == states.end() || found->second == "ok") return paths;
  for (const auto name : split(found->second, ',')) {
    if (!name.empty()) paths.push_back(shown_loose_path(name));
  }
  return paths;
}

std::vector<ForeignPath> foreign_paths(const std::map<std::string, std::string>& states) {
  std::vector<ForeignPath> paths;
  const auto found = states.find("owners");
  if (found == states.end() || found->second == "ok") return paths;
  for (const auto entry : split(found->second, ',')) {
    const auto gap = entry.find('=');
    if (gap == std::string_view::npos) continue;
    // The owner's name and the target come from the node.
    const auto said = entry.substr(gap + 1);
    const auto colon = std::min(said.find(':'), said.size());
    const auto target = colon < said.size() ? said.substr(colon + 1) : std::string_view();
    paths.push_back(
        {shown_loose_path(entry.substr(0, gap)), printable(said.substr(0, colon)), printable(target)});
  }
  return paths;
}

std::vector<Ipv4> trusted_peers(const std::map<std::string, std::string>& states) {
  std::vector<Ipv4> peers;
  const auto found = states.find("peers");
  if (found == states.end()) return peers;
  for (const auto word : split(found->second, ',')) {
    if (const auto address = parse_ipv4(word)) peers.push_back(*address);
  }
  return peers;
}

std::string sshd_refusal(std::string_view settings, const std::string& user, const std::string& home) {
  std::string choosers;
  bool is_strict = false;
  for (const auto line : split(settings, '\n')) {
    const auto [name, value] = first_word(trim(line));
    const auto shown = printable(value.substr(0, 120));
    if (name == "pubkeyauthentication" && value == "no")
      return "PubkeyAuthentication is no in its sshd_config; set it to yes";
    if (name == "permitrootlogin" && user == "root" && (value == "no" || value == "forced-commands-only"))
      return fmt::format("PermitRootLogin in its sshd_config is {}; set it to prohibit-password", shown);
    if (name == "forcecommand" && value != "none")
      return fmt::format(
          "ForceCommand in its sshd_config is {}, so no other command runs; except the nodes' addresses",
          shown);
    is_strict = is_strict || (name == "strictmodes" && value == "yes");
    // trust.sh prints "unsafe" after sshd's settings, so is_strict is known here.
    if (name == "unsafe" && is_strict)
      return fmt::format(
          "StrictModes in its sshd_config is yes, and other users own or can write to {}; fix: sudo chmod "
          "go-w {}, or chown "
          "it to {}",
          shown, shown, user);
    if (name == "authorizedkeysfile" && !reads_authorized_keys(value, user, home))
      return fmt::format(
          "AuthorizedKeysFile in its sshd_config is {}, so ~/.ssh/authorized_keys is not read; add "
          ".ssh/authorized_keys there",
          shown);
    if (name.starts_with("pubkeyaccepted") && !accepts_ed25519(value))
      return fmt::format(
          "PubkeyAcceptedAlgorithms in its sshd_config has no ssh-ed25519, the kind of the cluster's key; "
          "add it there");
    // Defaults choose nobody.
    if (const auto chooser = chooser_name(name); !chooser.empty() && value != "any")
      choosers += fmt::format("{}{} {}", choosers.empty() ? "" : ", ", chooser, shown);
  }
  if (choosers.empty()) return choosers;
  return fmt::format(
      "its sshd_config chooses who may log in: {}; let {} in from the nodes' private addresses", choosers,
      user);
}

std::string sectioned(const std::vector<TrustText>& texts) {
  // One of the texts is a secret: room for all, so that no buffer is left behind by growing.
  std::size_t room = 64;
  for (const auto& text : texts) room += 2 * text.text.size() + text.name.size() + 16;
  std::string sections;
  sections.reserve(room);
  // The end line has the number of bytes, so that a cut input is not taken for a whole one.
  std::size_t bytes = 0;
  for (const auto& text : texts) {
    sections += fmt::format("=text {}\n", text.name);
    std::string_view rest(text.text);
    bytes += rest.size();
    while (!rest.empty()) {
      const auto end = rest.find('\n') + 1;
      // A | in front, so that no line of a text can look like a line of this format.
      sections.append("|").append(rest.substr(0, end));
      rest.remove_prefix(end);
    }
  }
  return sections.append(fmt::format("=end {}\n", bytes));
}

}  // namespace ec2mpi::ops
