#pragma once
/// The flags that all commands on nodes share. Each has an environment variable EC2MPI_..., and most a key in
/// ec2mpi.toml; precedence: flag, environment, ./ec2mpi.toml, ~/.config/ec2mpi/config.toml, ~/.ssh/config,
/// default.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/cli/terminal/console.hpp"

namespace CLI {
class App;
}

namespace ec2mpi::cli {

/// The list, and the selected nodes.
struct ListOptions {
  std::optional<std::string> list;
  std::vector<std::string> wanted;
  std::vector<std::string> excluded;
  std::string address = "auto";     ///< auto, public, private, ipv6
  bool as_named = false;            ///< the order of -w is the order of the nodes
  bool renumber = false;            ///< count the nodes in the list's order, without the remembered indices
  std::optional<std::string> jump;  ///< [user@]host[:port] of a bastion; then private addresses are used
};

/// How to reach the nodes.
struct ConnectOptions {
  std::optional<std::string> identity;
  std::optional<std::string> user;
  std::optional<std::uint16_t> port;
  std::optional<std::string> ssh_config;  ///< -F: a file, or "none"
  std::optional<double> connect_timeout;  ///< seconds
  bool strict_host_keys = false;
  std::optional<std::string> persist;  ///< as parse_persist reads it
};

/// Limits for the work on many nodes.
struct FleetFlags {
  std::size_t fanout = 0;
  double task_timeout = 0;   ///< seconds, for each node
  double whole_timeout = 0;  ///< seconds, for all
  std::size_t retries = 0;   ///< of connections that never got as far as the command
  bool fail_fast = false;
};

struct World;

struct CommonOptions {
  ColourChoice colour = ColourChoice::automatic;
  int verbose = 0;
  bool quiet = false;
  std::string typed = {};  ///< the command and the names of its flags, without their values
  std::vector<std::string> typed_values = {};  ///< these, and the words; the log hides them
  const World* world = nullptr;                ///< set before a command runs
};

void add_common_options(CLI::App& app, CommonOptions& options);
void add_list_options(CLI::App& command, ListOptions& options);
/// For commands on one node, beside add_list_options(); the others have it from add_selection_options().
void add_jump_option(CLI::App& command, ListOptions& options, const char* text);
/// `exclude_flags`: what leaves nodes out; `run` keeps -x for mpirun's meaning.
void add_selection_options(CLI::App& command, ListOptions& options,
                           const char* exclude_flags = "-x,--exclude,--exclude-nodes");
void add_connect_options(CLI::App& command, ConnectOptions& options);
void add_fleet_options(CLI::App& command, FleetFlags& options);

[[nodiscard]] std::chrono::nanoseconds seconds(double value);

}  // namespace ec2mpi::cli
