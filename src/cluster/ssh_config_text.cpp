#include "ec2mpi/cluster/ssh_config_text.hpp"

#include <fmt/format.h>

namespace ec2mpi {

namespace {

/// ssh_config(5): an argument with blanks stands in double quotes; % begins a token in file names.
std::string file_argument(const std::filesystem::path& file) {
  std::string quoted = "\"";
  for (const char c : file.string()) {
    if (c == '%') quoted += '%';
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

std::string ssh_config_text(const std::vector<Node>& nodes, const SshConfigSource& source,
                            const std::vector<std::string>& host_key_names) {
  std::string text = "# Written by ec2mpi nodes --ssh-config; it will be written anew.\n";
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto& node = nodes[i];
    text += fmt::format("\nHost {}{}\n", node.index == 1 ? "master " : "", node.label());
    text += fmt::format("  HostName {}\n", node.address);
    text += fmt::format("  User {}\n", node.user.empty() ? source.user : node.user);
    text += fmt::format("  Port {}\n", node.port == 0 ? source.port : node.port);
    if (source.identity)
      text += fmt::format("  IdentityFile {}\n  IdentitiesOnly yes\n", file_argument(*source.identity));
    text += fmt::format("  HostKeyAlias {}\n", host_key_names[i]);
    text += fmt::format("  UserKnownHostsFile {}\n  StrictHostKeyChecking yes\n",
                        file_argument(source.known_hosts));
  }
  return text;
}

}  // namespace ec2mpi
