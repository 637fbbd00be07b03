#include "src/cli/commands/ssh_config_file.hpp"

#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/list/ssh_config_text.hpp"

namespace ec2mpi::cli {

Result<std::filesystem::path> write_ssh_config(const Cluster& cluster, const Access& access,
                                               const std::vector<Node>& nodes, const std::string& name) {
  const auto& transport = access.transport;
  const auto state = std::filesystem::absolute(cluster.state.path());
  SshConfigSource source{.user = transport.user.value_or("ubuntu"),
                         .port = transport.port.value_or(22),
                         .identity = {},
                         .known_hosts = state / "known_hosts"};
  if (!transport.keys.empty()) source.identity = std::filesystem::absolute(transport.keys.front().file());
  std::vector<std::string> names;
  for (const auto& node : nodes) names.push_back(ssh::host_key_name(node));
  TRY_AS(text, ssh_config_text(nodes, source, names));
  TRY(cluster.state.write(name, *text));
  return state / name;
}

}  // namespace ec2mpi::cli
