#pragma once
/// Everything that can be checked before the first packet: settings, list, selection, keys.

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/state_folder.hpp"
#include "ec2mpi/cli/session/options.hpp"
#include "ec2mpi/cluster/config.hpp"
#include "ec2mpi/cluster/list/read_inventory.hpp"
#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ssh/host_keys.hpp"
#include "ec2mpi/ssh/libssh/libssh_transport.hpp"
#include "ec2mpi/ssh/libssh/private_key.hpp"

namespace ec2mpi::cli {

/// The list and the user's settings, read once.
struct Cluster {
  Config config;
  std::filesystem::path list;  ///< where the instance list lies
  StateFolder state;           ///< .ec2mpi/ beside the list: host keys and what ec2mpi remembers
  Inventory inventory;
  std::vector<Node> nodes;           ///< the selected ones
  std::optional<Node> jump;          ///< the bastion, if one is used
  std::vector<std::string> changes;  ///< instances that are new, gone or moved since the list was remembered

  /// Where the sockets of kept connections lie.
  [[nodiscard]] std::filesystem::path connections_folder() const;
  /// In the state folder: a file of setup's. Under the list's own name, since a folder may hold several
  /// lists.
  [[nodiscard]] std::filesystem::path setup_file(const char* name) const;
};

/// ./ec2mpi.toml over $XDG_CONFIG_HOME/ec2mpi/config.toml, which is in ~/.config without that variable.
[[nodiscard]] Result<Config> load_settings();

/// The list that the options, the settings or the folder name. An error if none does: no list is guessed.
[[nodiscard]] Result<std::filesystem::path> find_list(const std::optional<std::string>& named,
                                                      const Config& config);

/// The state that belongs to a list. Errors: usage, if others could have put it there.
[[nodiscard]] Result<StateFolder> open_state(const std::filesystem::path& list);

/// The labels of the nodes by their addresses, and by the names that setup has found.
[[nodiscard]] std::map<std::string, std::string> names_of_hosts(const Cluster& cluster);

/// Reads the list ("-" is standard input) and selects from it. Instances keep the indices that they had when
/// the list was remembered in this folder. Writes nothing.
[[nodiscard]] Result<Cluster> open_cluster(const ListOptions& options);

/// The nodes of the cluster's inventory that the options select. Errors: usage.
[[nodiscard]] Result<std::vector<Node>> choose_nodes(const Cluster& cluster, const ListOptions& options);

/// Reports changes of the list, once, and remembers its indices. A folder that cannot be written, or a full
/// disk, gives a note only: a running job can be cancelled also then.
void remember_if_possible(const Cluster& cluster);

/// The keys and host keys for connecting.
struct Access {
  ssh::LibsshOptions transport;
  ssh::HostKeys host_keys;
  std::filesystem::path connections;                 ///< where the sockets of kept connections lie
  std::optional<std::chrono::seconds> persist = {};  ///< how long to keep ours; 0 = and use no kept ones
};
/// Files that belong to this machine: the private keys for these nodes, and ec2mpi's own state.
[[nodiscard]] std::vector<std::filesystem::path> private_files(const Cluster& cluster,
                                                               const ConnectOptions& options);

/// Whether open_access() would find a key without an option; it asks for no passphrase. Errors: usage, as
/// open_access() gives them.
[[nodiscard]] Result<void> check_keys(const Cluster& cluster);

/// The last check before the first connection; remembers the list, if that is possible.
[[nodiscard]] Result<Access> open_access(const Cluster& cluster, const ConnectOptions& options);

[[nodiscard]] FleetOptions fleet_options(const Cluster& cluster, const ConnectOptions& connect,
                                         const FleetFlags& flags);

/// The .pem files beside a list, in the order of their names.
[[nodiscard]] std::vector<std::filesystem::path> pem_files(const std::filesystem::path& list);

/// The job or series that was started last in this folder.
struct LastJob {
  std::string id = {};  ///< "" if there is none
  bool ended = false;   ///< a command here has seen its end
};
[[nodiscard]] LastJob recall_job(const StateFolder& state);

/// An instance that was the master when a job was started from here. The record of the job lies there,
/// whichever node is the master now.
struct JobHolder {
  std::string instance_id;
  std::string job;  ///< the last one
};
[[nodiscard]] std::vector<JobHolder> recall_job_holders(const StateFolder& state);

/// Remembers the master as the holder, too, if the list has its instance id.
void remember_job(const Cluster& cluster, const LastJob& job);
/// To be called by each command that sees the end of a job.
void remember_end(const Cluster& cluster, const std::string& id);
/// To be called when the cluster of the list has ended.
void forget_job(const StateFolder& state);

/// Remembers which nodes failed, for the selector `failed`. Errors: local_io.
[[nodiscard]] Result<void> remember_failures(const Cluster& cluster, const FleetReport& report);

}  // namespace ec2mpi::cli
