#include "src/cli/commands/ssh_config_file.hpp"

#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/list/ssh_config_text.hpp"

namespace ec2mpi::cli {

Result<std::filesystem::path> write_ssh_config(const Cluster& cluster, const Access& access,
                                               const std::vector<Node>& nodes, const std::string& name) {
  const auto& transport = access.transport;
  // ssh takes relative paths from the folder in which it is started.
  const auto state = std::filesystem::absolute(cluster.state.path());
  SshConfigSource source{.user = transport.user.value_or("ubuntu"),
                         .port = transport.port.value_or(22),
                         .identity = {},
                         .known_hosts = state / "known_hosts"};
  // Without a named key ssh tries its agent and its usual keys, as ec2mpi does.
  if (!transport.keys.empty()) source.identity = std::filesystem::absolute(transport.keys.front().file());
  std::vector<std::string> names;
  // ssh must look for a host key under the name by which ec2mpi remembers it.
  for (const auto& node : nodes) names.push_back(ssh::host_key_name(node));
  TRY_AS(text, ssh_config_text(nodes, source, names));
  TRY(cluster.state.write(name, *text));
  return state / name;
}

}  // namespace ec2mpi::cli
