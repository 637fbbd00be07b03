#include "src/cli/setup_memory.hpp"

#include "ec2mpi/base/file.hpp"

namespace ec2mpi::cli {

namespace {

namespace fs = std::filesystem;

fs::path folder_of(const Cluster& cluster) {
  return cluster.state_folder() / "setup" / cluster.list.filename();
}

bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

Result<void> write_if_changed(const fs::path& file, const std::string& text) {
  const auto before = read_file(file);
  if (before && *before == text) return {};
  return write_file_atomically(file, text, 0600);
}

}  // namespace

Result<ops::SetupMemory> recall_setup(const Cluster& cluster) {
  const auto folder = folder_of(cluster);
  ops::SetupMemory memory;
  if (const auto text = read_file(folder / "nodes")) memory.peers = ops::parse_peers(*text);
  if (!is_there(folder / "key")) return memory;
  auto pair = ssh::load_key_pair(folder / "key");
  if (!pair) return std::unexpected(pair.error());
  memory.pair = std::move(*pair);
  return memory;
}

Result<void> remember_setup(const Cluster& cluster, const ops::SetupMemory& memory) {
  const auto folder = folder_of(cluster);
  for (const auto& each : {cluster.state_folder(), folder.parent_path(), folder}) {
    if (auto made = make_private_folder(each); !made) return made;
  }
  if (auto written = write_if_changed(folder / "nodes", ops::peers_text(memory.peers)); !written)
    return written;
  if (!memory.pair) return {};
  return write_if_changed(folder / "key", memory.pair->private_text);
}

void forget_setup(const Cluster& cluster) {
  std::error_code ignored;
  const auto folder = folder_of(cluster);
  fs::remove(folder / "key", ignored);
  fs::remove(folder / "nodes", ignored);
  fs::remove(folder, ignored);
  fs::remove(folder.parent_path(), ignored);
}

}  // namespace ec2mpi::cli
