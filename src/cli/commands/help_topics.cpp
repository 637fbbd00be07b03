#include "ec2mpi/cli/session/help_topics.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/session/error_references.hpp"
#include "ec2mpi/cli/session/usage.hpp"

namespace ec2mpi::cli {

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
    const auto explained = error_explanation(*topic);
    if (found.empty() && !explained) return fail(ErrorKind::usage, describe_unknown_topic(app, *topic));
    text += text.empty() ? "" : "\n";
    text += explained ? *explained : found.front()->help(app.get_name());
  }
  return text;
}

}  // namespace ec2mpi::cli
