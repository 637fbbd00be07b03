#pragma once
/// What the commands on instances share: which instances, in which account, and the question before a change.

#include <asio/awaitable.hpp>
#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/runtime.hpp"
#include "ec2mpi/cloud/ec2.hpp"

namespace ec2mpi::cli {

struct InstanceOptions {
  std::optional<std::string> list = {};
  std::vector<std::string> wanted = {};  ///< -w
  std::vector<std::string> ids = {};
  std::optional<std::string> cluster = {};  ///< the value of the tag
  cloud::CloudFlags account = {};
};

void add_instance_options(CLI::App& command, InstanceOptions& options);

/// How a change is agreed to.
struct Agreement {
  bool yes = false;
  bool dry_run = false;
};

void add_agreement_options(CLI::App& command, Agreement& agreement);

/// The instance list of the command, as far as it has one.
struct ListedInstances {
  std::filesystem::path file;
  StateFolder state;
  std::vector<Node> nodes;      ///< all with an id, in the list's order, whatever their state
  bool may_be_written = false;  ///< it says nothing that a table of EC2's answers would lose
  bool has_public_addresses = true;
};

/// One command at work.
struct OnInstances {
  Runtime& runtime;
  cloud::Ec2& ec2;
  std::string region;
  Config config;
  InstanceOptions options;
  std::optional<ListedInstances> list;  ///< nothing with --cluster, or with --ids where no list is
  std::vector<std::string> ids;         ///< the chosen ones; empty with --cluster

  [[nodiscard]] Limit limit() const { return {.deadline = Clock::time_point::max(), .stop = runtime.stop()}; }
  [[nodiscard]] Console& console() const { return runtime.console(); }
};

/// Reads settings and list, and runs the command. Errors: as they come before the first packet.
[[nodiscard]] Result<int> work_on_instances(const InstanceOptions& options, const CommonOptions& common,
                                            std::function<asio::awaitable<int>(OnInstances&)> work);

/// The chosen instances as EC2 has them, and the ids that it does not know.
struct FoundInstances {
  std::vector<cloud::Instance> known;
  std::vector<std::string> unknown;
};
[[nodiscard]] asio::awaitable<cloud::Answer<FoundInstances>> look_up(OnInstances& on);
/// The same where an unknown id is an error.
[[nodiscard]] asio::awaitable<cloud::Answer<std::vector<cloud::Instance>>> look_up_all(OnInstances& on);

[[nodiscard]] std::vector<std::string> ids_of(const std::vector<cloud::Instance>& instances);

/// "node2 (i-0123…)" if the list has it, else the id.
[[nodiscard]] std::string title_of(const OnInstances& on, const std::string& id);

/// Shows the instances, and asks for the words `VERB COUNT`. With --yes, instances that ec2mpi has not
/// started must also be named with --ids. False if the user does not agree. Errors: usage.
[[nodiscard]] asio::awaitable<Result<bool>> agree(OnInstances& on, Agreement agreement, std::string verb,
                                                  std::vector<cloud::Instance> instances);

/// Looks until all instances are in the state, with a line that names the late ones. After a Ctrl-C or ten
/// minutes it returns the states that it saw last.
[[nodiscard]] asio::awaitable<cloud::Answer<std::vector<cloud::Instance>>> wait_for_state(
    OnInstances& on, std::vector<std::string> ids, std::string state);

/// Writes states and addresses into the list; the list as it was stays as LIST.before.
[[nodiscard]] asio::awaitable<cloud::Answer<void>> write_list(OnInstances& on);

/// Reports an error and gives the exit code; `code` unless the user has interrupted it.
[[nodiscard]] int report_error(OnInstances& on, const Error& error, int code);

}  // namespace ec2mpi::cli
