#include "ec2mpi/cli/session/setup_memory.hpp"

#include "ec2mpi/base/try.hpp"

namespace ec2mpi::cli {

Result<ops::SetupMemory> recall_setup(const Cluster& cluster) {
  ops::SetupMemory memory;
  TRY_AS(nodes, cluster.state.read(cluster.setup_file("nodes")));
  if (*nodes) memory.members = ops::parse_members(**nodes);
  const auto key_file = cluster.setup_file("key");
  // Refused if other users can read it.
  TRY_AS(key, cluster.state.read(key_file, StateFolder::Content::secret));
  if (!*key) return memory;
  TRY_AS(pair, ssh::parse_key_pair(std::move(**key), cluster.state.path() / key_file));
  memory.pair = std::move(*pair);
  return memory;
}

Result<void> remember_setup(const Cluster& cluster, const ops::SetupMemory& memory) {
  auto written = cluster.state.write(cluster.setup_file("nodes"), ops::members_text(memory.members));
  if (!written || !memory.pair) return written;
  return cluster.state.write(cluster.setup_file("key"), memory.pair->private_text);
}

void forget_setup(const Cluster& cluster) {
  cluster.state.remove({cluster.setup_file("key"), cluster.setup_file("nodes")});
}

}  // namespace ec2mpi::cli
