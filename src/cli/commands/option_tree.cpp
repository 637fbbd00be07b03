// `ec2mpi option-tree`: all commands and flags as JSON, from which the completion scripts and the manual are
// made. It is not shown in the help.

#include <CLI/CLI.hpp>

#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"

namespace ec2mpi::cli {

namespace {

/// `value` is empty for a flag. The tests hold the documents against this output.
Json describe_option(const CLI::Option& option) {
  auto names = Json::array();
  for (const auto& name : option.get_snames()) names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  const bool takes_value = option.get_type_size() > 0;
  return {{"names", names},
          {"positional", option.get_positional()},
          {"required", option.get_required()},
          {"value", takes_value ? option.get_type_name() : ""},
          {"variable", option.get_envname()},
          {"heading", option.get_group()},
          {"help", option.get_description()}};
}

/// CLI11 keeps an option group as a sub-command without a name.
Json describe_options(const CLI::App& command) {
  auto options = Json::array();
  for (const auto* option : command.get_options()) options.push_back(describe_option(*option));
  for (const auto* group :
       command.get_subcommands([](const CLI::App* part) { return part->get_name().empty(); }))
    for (const auto* option : group->get_options()) options.push_back(describe_option(*option));
  return options;
}

/// Commands without a heading are hidden from the help, and from here.
Json describe_commands(const CLI::App& app) {
  auto commands = Json::array();
  for (const auto* command :
       app.get_subcommands([](const CLI::App* part) { return !part->get_group().empty(); })) {
    commands.push_back({{"name", command->get_name()},
                        {"heading", command->get_group()},
                        {"help", command->get_description()},
                        {"footer", command->get_footer()},
                        {"options", describe_options(*command)}});
  }
  return commands;
}

}  // namespace

/// For the build: man pages and completions are made of what this prints. Users do not see it.
void add_option_tree_command(CLI::App& app, Dispatch& dispatch) {
  auto& command = *app.add_subcommand("option-tree", "Prints all commands and options as JSON")->group("");
  command.callback([&app, &dispatch] {
    dispatch.chosen = [&app](const CommonOptions&) -> Result<int> {
      const Json tree = {{"version", app.version()},
                         {"help", app.get_description()},
                         {"options", describe_options(app)},
                         {"commands", describe_commands(app)}};
      print_result(dump_json(tree) + "\n");
      return exit_code::ok;
    };
  });
}

}  // namespace ec2mpi::cli
