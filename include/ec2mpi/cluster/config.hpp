#pragma once
/// ec2mpi.toml: settings and named jobs. See examples/ec2mpi.toml for the form; a key that is not known is an
/// error.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/parameters.hpp"

namespace ec2mpi {

/// [jobs.NAME]: how to start one MPI program. All texts may ask for parameters, `{agents}`; see
/// parameters.hpp.
struct JobConfig {
  std::vector<std::string> command;  ///< program and arguments, each one word
  std::string np;                    ///< formula: ranks in all; empty = one per slot
  std::string per_node;              ///< formula: ranks on each node; empty = as np and slots say
  std::string nodes;                 ///< formula: on how many nodes; empty = all, or as few as have room
  std::vector<std::string> push;     ///< local files and folders that go to the workdir before each run
  std::vector<std::string> pull;     ///< on the nodes, below the workdir: brought back after success
  std::string workdir;               ///< on the nodes; empty = the login user's home
  std::map<std::string, std::string> env;  ///< set for every rank
  std::vector<Sweep> sweep;                ///< [jobs.NAME.sweep], in its order
  bool of_user = false;                    ///< from the user's own settings, not from a file beside the list
};

/// A job's texts with the parameters' values in them.
struct FilledJob {
  std::vector<std::string> command;
  int np = 0;
  int per_node = 0;
  int nodes = 0;
  std::vector<std::string> push;
  std::vector<std::string> pull;
  std::string workdir;
  std::map<std::string, std::string> env;
  bool of_user = false;
};

/// A parameter called np, per_node or nodes sets that number itself. Errors: usage.
[[nodiscard]] Result<FilledJob> fill_in(const JobConfig& job, const Parameters& parameters);

/// Errors: usage, if a parameter is used nowhere in the job: its name was mistyped.
[[nodiscard]] Result<void> check_used(const JobConfig& job, const std::vector<Sweep>& sweeps);

/// "90", "90s", "10m", "2h"; "0" is none. Errors: usage.
[[nodiscard]] Result<std::chrono::seconds> parse_persist(std::string_view text);

struct Config {
  std::optional<std::string> list;      ///< the instance list, instead of amazon_instances_info
  std::optional<std::string> identity;  ///< private key file
  std::optional<std::string> user;
  std::optional<std::uint16_t> port;
  std::optional<std::string> mpirun;            ///< absolute path on the nodes; else the one in their PATH
  std::optional<double> connect_timeout;        ///< seconds
  std::optional<std::chrono::seconds> persist;  ///< how long unused connections are kept; 0 = not at all
  std::map<std::string, std::string> groups;    ///< name to selection
  std::map<std::string, double> prices;   ///< [prices]: instance type to the user's own price for an hour
  std::optional<std::string> end_signal;  ///< [jobs] end_signal: what jobs get before their nodes end
  std::map<std::string, JobConfig> jobs;

  /// Settings that are not set here are taken from `fallback`; jobs and groups are added.
  void fill_from(const Config& fallback);
};

/// Parses TOML text; `source` stands in messages. Errors: usage, `FILE:LINE: what is wrong`.
[[nodiscard]] Result<Config> parse_config(std::string_view text, std::string_view source);

/// A missing file is an empty Config.
[[nodiscard]] Result<Config> load_config(const std::filesystem::path& file);

}  // namespace ec2mpi
