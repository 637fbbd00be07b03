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
#include "ec2mpi/cluster/values/job_spec.hpp"

namespace ec2mpi {

/// "90", "90s", "10m", "2h"; "0" is none. Errors: usage.
[[nodiscard]] Result<std::chrono::seconds> parse_persist(std::string_view text);

struct Config {
  std::optional<std::string> list;      ///< the instance list, instead of amazon_instances_info
  std::optional<std::string> identity;  ///< private key file
  std::optional<std::string> user;
  std::optional<std::uint16_t> port;
  std::optional<std::string> mpirun;      ///< absolute path on the nodes; else the one in their PATH
  std::optional<std::string> done_hook;   ///< [hooks] done: shell text for the master when a job is over
  std::optional<double> connect_timeout;  ///< seconds
  std::optional<std::chrono::seconds> persist;  ///< how long unused connections are kept; 0 = not at all
  std::map<std::string, std::string> groups;    ///< name to selection
  std::map<std::string, double> prices;   ///< [prices]: instance type to the user's own price for an hour
  std::optional<std::string> end_signal;  ///< [jobs] end_signal: what jobs get before their nodes end
  std::optional<std::chrono::seconds>
      hang;  ///< [jobs] hang: a job that works, but prints nothing for this time, is ended
  std::map<std::string, JobSpec> jobs;

  /// Settings that are not set here are taken from `fallback`; jobs and groups are added.
  void fill_from(const Config& fallback);
};

/// Parses TOML text; `source` stands in messages. Errors: usage, `FILE:LINE: the fault`.
[[nodiscard]] Result<Config> parse_config(std::string_view text, std::string_view source);

/// A missing file is an empty Config.
[[nodiscard]] Result<Config> load_config(const std::filesystem::path& file);

}  // namespace ec2mpi
