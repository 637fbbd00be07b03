#pragma once
/// Environment variables EC2MPI_... that stand for flags.

#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ec2mpi::cli {

/// CLI11 reads the variables of all commands, and would refuse a wrong one also if the flag is another
/// command's. While this lives, it reads only those of `command` and of all commands.
class VariablesOfCommand {
 public:
  VariablesOfCommand(CLI::App& app, const std::string& command);
  VariablesOfCommand(const VariablesOfCommand&) = delete;
  VariablesOfCommand& operator=(const VariablesOfCommand&) = delete;
  ~VariablesOfCommand();

 private:
  std::vector<std::pair<CLI::Option*, std::string>> unread_;
};

/// One line, without "ec2mpi: ", for each variable EC2MPI_... of the environment that means nothing: neither
/// to a command, nor to a job or a task on a node, nor to our tests.
[[nodiscard]] std::vector<std::string> describe_unknown_variables(CLI::App& app);

}  // namespace ec2mpi::cli
