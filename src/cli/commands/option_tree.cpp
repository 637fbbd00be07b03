#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/help_topics.hpp"
#include "ec2mpi/cli/session/usage.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cli/views/error_references.hpp"

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

std::string explain_errors(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2 || arguments.front() != "help") return {};
  std::string text;
  for (auto anchor = arguments.begin() + 1; anchor != arguments.end(); ++anchor) {
    const auto explained = error_explanation(*anchor);
    if (!explained) return {};
    text += (text.empty() ? "" : "\n") + *explained;
  }
  return text;
}

namespace {

std::string describe_unknown_topic(const CLI::App& app, const std::string& topic) {
  std::vector<std::string> anchors;
  for (const auto& each : explained_texts()) anchors.emplace_back(each.anchor);
  auto said = describe_unknown_command(app, topic, {});
  const auto meant = nearest(topic, anchors);
  if (meant.empty() || said.find("did you mean") != std::string::npos) return said;
  return fmt::format("'{}' is not a command; did you mean ec2mpi help {}?", printable(topic), meant);
}

}  // namespace

Result<std::string> explain_topics(const CLI::App& app, const std::vector<std::string>& arguments) {
  const auto is_option = [](const std::string& word) { return word.starts_with('-'); };
  if (arguments.size() < 2 || arguments.front() != "help" || std::ranges::any_of(arguments, is_option))
    return std::string();
  std::string text;
  for (auto topic = arguments.begin() + 1; topic != arguments.end(); ++topic) {
    const auto found =
        app.get_subcommands([&](const auto* command) { return command->get_name() == *topic; });
    const auto explained = explain_errors({"help", *topic});
    if (found.empty() && explained.empty())
      return fail(ErrorKind::usage, describe_unknown_topic(app, *topic));
    text += text.empty() ? "" : "\n";
    text += explained.empty() ? found.front()->help(app.get_name()) : explained;
  }
  return text;
}

}  // namespace ec2mpi::cli
