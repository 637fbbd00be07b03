#include "src/cli/commands/ssh_config_file.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/list/ssh_config_text.hpp"
#include "ec2mpi/ssh/libssh/route.hpp"

namespace ec2mpi::cli {

namespace {

SshConfigHost block_for(const ssh::Hop& hop, std::string names) {
  return {.names = std::move(names),
          .host_name = hop.host,
          .user = hop.user,
          .port = hop.port,
          .identities = hop.keys,
          .identities_only = hop.only_keys,
          .agent = hop.agent,
          .host_key_name = hop.host_key_name,
          .jump = {}};
}

/// The blocks of the jump hosts, each once, whichever nodes go through it.
class JumpBlocks {
 public:
  /// The name of the jump host's block.
  std::string name_of(const ssh::Hop& jump) {
    const auto known = std::ranges::find(hops_, jump);
    const auto number = known - hops_.begin();
    auto name = number == 0 ? std::string("ec2mpi-jump") : fmt::format("ec2mpi-jump{}", number + 1);
    if (known != hops_.end()) return name;
    hops_.push_back(jump);
    blocks_.push_back(block_for(jump, name));
    return name;
  }
  [[nodiscard]] const std::vector<SshConfigHost>& blocks() const { return blocks_; }

 private:
  std::vector<ssh::Hop> hops_;
  std::vector<SshConfigHost> blocks_;
};

}  // namespace

Result<std::filesystem::path> write_ssh_config(const Cluster& cluster, const Access& access,
                                               const std::vector<Node>& nodes, const std::string& name) {
  // ssh takes relative paths from the folder in which it is started.
  const auto state = std::filesystem::absolute(cluster.state.path());
  TRY_AS(routes, ssh::find_routes(access.transport, nodes));
  std::vector<SshConfigHost> hosts;
  JumpBlocks jumps;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto& [way, jump] = (*routes)[i];
    hosts.push_back(block_for(way, (nodes[i].index == 1 ? "master " : "") + nodes[i].label()));
    if (jump) hosts.back().jump = jumps.name_of(*jump);
  }
  hosts.insert(hosts.end(), jumps.blocks().begin(), jumps.blocks().end());
  TRY_AS(text, ssh_config_text(hosts, state / "known_hosts"));
  TRY(cluster.state.write(name, *text));
  return state / name;
}

}  // namespace ec2mpi::cli
