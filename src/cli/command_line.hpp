#pragma once
/// The command line: which commands there are, and what was typed.

#include <CLI/CLI.hpp>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/cli/session/command.hpp"

namespace ec2mpi::cli {

/// Commands whose flags are added together.
struct CommandGroup {
  const char* heading;  ///< in the help; null: not in it, and shows all commands itself
  std::initializer_list<std::string_view> names;
  void (*add)(CLI::App& app, Dispatch& dispatch);
};

/// The group that has the first word, and needs no other commands; nothing if there is none.
[[nodiscard]] const CommandGroup* group_of_first(const std::vector<std::string>& arguments);

/// What was typed, as the flags and words of a command.
class CommandLine {
 public:
  /// Knows the commands of this group only, or all commands.
  CommandLine(const World& world, const CommandGroup* only);

  /// Whether a command can be run, and there is nothing else to say. Prints nothing.
  [[nodiscard]] bool reads(const std::vector<std::string>& arguments);

  /// Reads the words, and says what is wrong or was asked for: the exit code if no command is to be run.
  [[nodiscard]] std::optional<int> read(const std::vector<std::string>& arguments);

  /// Runs the command that was read, and returns its exit code. An Error means that nothing was started.
  [[nodiscard]] Result<int> run();

  [[nodiscard]] const CommonOptions& common() const { return common_; }
  [[nodiscard]] bool as_json() const { return as_json_; }  ///< standard output is to have a JSON document
  [[nodiscard]] bool answers() const {
    return answers_;
  }  ///< it is the document that add_json_to_all promises

 private:
  void parse(const std::vector<std::string>& words);

  CLI::App app_;
  CommonOptions common_;
  Dispatch dispatch_;
  bool answers_ = false;
  bool as_json_ = false;
};

}  // namespace ec2mpi::cli
