#include "ec2mpi/cli/session/variables.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <CLI/CLI.hpp>
#include <string_view>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/session/usage.hpp"

namespace ec2mpi::cli {

namespace {

constexpr std::string_view kPrefix = "EC2MPI_";

/// Names behind the prefix that no flag has: ec2mpi itself reads them, or sets them for what it starts
/// (docs/environment.md), or they are for its tests.
constexpr std::string_view kWithoutFlag[] = {
    "ADDRESS_SERVICE", "INDEX", "COUNT",      "ROLE",    "MASTER", "TASK",     "JOB", "PROFILE",
    "SAMPLER",         "USAGE", "JOB_ID",     "STATUS",  "WHY",    "HOSTFILE", "NP",  "BINARY",
    "ALL_FAULTS",      "FUZZ",  "HOSTS_ROOT", "SELFTEST"};
/// Of these any longer word is known, too, as TEST_KEYS.
constexpr std::string_view kBeginnings[] = {"TEST", "FAULT", "CLUSTER", "SANITIZE", "DEBIAN", "BENCH"};

/// Of a command and its groups, which CLI11 keeps as nameless commands.
std::vector<CLI::Option*> options_with_variable(CLI::App& app) {
  auto options = app.get_options([](const CLI::Option* each) { return !each->get_envname().empty(); });
  for (auto* part : app.get_subcommands([](const CLI::App*) { return true; })) {
    const auto more = options_with_variable(*part);
    options.insert(options.end(), more.begin(), more.end());
  }
  return options;
}

bool is_known_without_flag(std::string_view name) {
  return std::ranges::count(kWithoutFlag, name) > 0 ||
         std::ranges::any_of(kBeginnings, [&](const auto& begin) { return name.starts_with(begin); });
}

}  // namespace

VariablesOfCommand::VariablesOfCommand(CLI::App& app, const std::string& command) {
  const auto is_other = [&](const CLI::App* each) { return each->get_name() != command; };
  for (auto* other : app.get_subcommands(is_other))
    for (auto* option : options_with_variable(*other)) {
      unread_.emplace_back(option, option->get_envname());
      option->envname("");
    }
}

VariablesOfCommand::~VariablesOfCommand() {
  for (const auto& [option, variable] : unread_) option->envname(variable);
}

std::vector<std::string> describe_unknown_variables(CLI::App& app) {
  std::vector<std::string> known;
  for (const auto* option : options_with_variable(app)) known.push_back(option->get_envname());
  std::vector<std::string> lines;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string name(text.substr(0, text.find('=')));
    // An empty variable counts as not set.
    if (!name.starts_with(kPrefix) || name.size() + 1 >= text.size()) continue;
    if (std::ranges::count(known, name) > 0 || is_known_without_flag(name.substr(kPrefix.size()))) continue;
    const auto meant = nearest(name, known);
    lines.push_back(fmt::format(
        "no command reads the variable {}; {}", printable(name),
        meant.empty() ? "ec2mpi COMMAND --help lists those that it reads" : "did you mean " + meant + "?"));
  }
  return lines;
}

}  // namespace ec2mpi::cli
