#pragma once
/// The common part of all commands on instances: which instances, in which account, the question before a
/// change, and the list after it.

#include <asio/awaitable.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/runtime.hpp"
#include "ec2mpi/cloud/ec2.hpp"
#include "src/cli/commands/listed_instances.hpp"

namespace CLI {
class App;
}

namespace ec2mpi::cli {

struct InstanceOptions {
  std::optional<std::string> list = {};
  std::vector<std::string> wanted = {};  ///< -w
  std::vector<std::string> ids = {};
  std::optional<std::string> cluster = {};  ///< the value of the tag
  cloud::CloudFlags account = {};
};

void add_instance_options(CLI::App& command, InstanceOptions& options);

/// Whether a change needs the user's agreement, or is only tried.
struct Agreement {
  bool yes = false;
  bool dry_run = false;
};

void add_agreement_options(CLI::App& command, Agreement& agreement);

/// Everything that a command works with. It lives until the command has ended.
struct InstanceContext {
  Runtime& runtime;
  cloud::Ec2& ec2;
  std::string region;
  Config config;
  InstanceOptions options;
  std::optional<ListedInstances> list;  ///< nothing with --cluster, or with --ids where no list is
  std::vector<std::string> ids;         ///< the chosen ones; empty with --cluster
  std::stop_token stop;                 ///< of the runtime, except while a failed start is undone

  [[nodiscard]] Limit limit() const { return {.deadline = Clock::time_point::max(), .stop = stop}; }
  [[nodiscard]] Console& console() const { return runtime.console(); }
};

/// Reads settings and list, and runs the command. Errors: those that are found before the first packet.
[[nodiscard]] Result<int> run_on_instances(const InstanceOptions& options, const CommonOptions& common,
                                           std::function<asio::awaitable<int>(InstanceContext&)> work);

/// Says that the chosen instances are not there.
[[nodiscard]] Error no_instances(const InstanceContext& context);

/// For chosen instances that have all ended: the commands that lead on.
[[nodiscard]] std::string next_step_after_end(const InstanceContext& context);

/// The chosen instances as EC2 has them, and the ids that it does not know.
struct FoundInstances {
  std::vector<cloud::Instance> known;
  std::vector<std::string> unknown;
};
[[nodiscard]] asio::awaitable<cloud::Answer<FoundInstances>> look_up(InstanceContext& context);
/// Errors: usage, if there are unknown ids.
[[nodiscard]] Result<void> refuse_unknown(const InstanceContext& context, const FoundInstances& found);
/// The known ones, of which there must be at least one. Errors: usage, if there are unknown ids.
[[nodiscard]] asio::awaitable<cloud::Answer<std::vector<cloud::Instance>>> look_up_known(
    InstanceContext& context);

[[nodiscard]] std::vector<std::string> ids_of(const std::vector<cloud::Instance>& instances);

/// "node2 (i-0123…)" if the list has it, else the id.
[[nodiscard]] std::string title_of(const InstanceContext& context, const std::string& id);

/// Shows the instances, and asks the user to type `VERB COUNT`. With --yes, instances that ec2mpi has not
/// started must also be named with --ids. False if the user does not agree. Errors: usage.
[[nodiscard]] asio::awaitable<Result<bool>> ask_to_agree(InstanceContext& context, Agreement agreement,
                                                         std::string verb,
                                                         std::vector<cloud::Instance> instances);

/// The numbers behind -w, if this command is the first in which they name other instances, must not change or
/// end anything with --yes. Errors: usage.
[[nodiscard]] Result<void> refuse_new_numbers(const InstanceContext& context, Agreement agreement);

/// Asks the user to type the words. False if the user types other words. Errors: usage, without a terminal.
[[nodiscard]] asio::awaitable<Result<bool>> ask_to_type(InstanceContext& context, std::string wanted);

/// Asks EC2 until all instances are in the state, and shows which ones are late. After a Ctrl-C or ten
/// minutes it returns the last states.
[[nodiscard]] asio::awaitable<cloud::Answer<std::vector<cloud::Instance>>> wait_for_state(
    InstanceContext& context, std::vector<std::string> ids, std::string state);

/// The account's flags: --region, --profile, --endpoint-url.
void add_account_options(CLI::App& command, cloud::CloudFlags& account);

/// Writes states and addresses into the list, and the newcomers; the list as it was stays as LIST.before.
/// Changes of other commands stay.
[[nodiscard]] asio::awaitable<cloud::Answer<void>> write_list(InstanceContext& context, ListChange change);

/// Reports an error and returns the exit code: `code`, unless the user has interrupted the command.
[[nodiscard]] int report_error(InstanceContext& context, const Error& error, int code);

}  // namespace ec2mpi::cli
