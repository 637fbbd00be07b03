#include "ec2mpi/cli/app.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <csignal>
#include <exception>
#include <system_error>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/cli/session/stay_behind.hpp"
#include "ec2mpi/cli/terminal/answer.hpp"
#include "ec2mpi/cli/terminal/diverted_results.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "src/cli/command_line.hpp"

namespace ec2mpi::cli {

namespace {

/// -v and -vv show the program's own steps; without them only its warnings.
void set_up_log(int verbose) {
  const auto level = verbose > 1    ? spdlog::level::trace
                     : verbose == 1 ? spdlog::level::debug
                                    : spdlog::level::warn;
  // stderr: stdout holds results only.
  auto terminal = std::make_shared<spdlog::sinks::stderr_sink_st>();
  terminal->set_pattern("ec2mpi: %v");
  terminal->set_level(level);
  auto logger = std::make_shared<spdlog::logger>("ec2mpi", std::move(terminal));
  logger->set_level(level);
  spdlog::set_default_logger(std::move(logger));
}

/// For errors that are found before anything was started: exit code 2.
int say(const Error& error) {
  print_talk("ec2mpi: " + error.message + "\n");
  return exit_code::not_started;
}

constexpr std::uint64_t kLeastOpenFiles = 40;  ///< the event loop, the log, and a few connections

/// Also for a limit that was enough to begin, and not for all nodes.
std::string describe_open_files(std::uint64_t most) {
  return fmt::format(
      "a process may open only {} files here, and ec2mpi needs {}, and two for each node: ulimit -n 1024, or "
      "in a new shell if this one refuses that",
      most, kLeastOpenFiles);
}

/// An exception that nobody expected: exit code 70, as in sysexits.h (EX_SOFTWARE).
int say_bug(const std::exception& bug) {
  print_talk(fmt::format("ec2mpi: internal error: {}; please report it with the command that you typed\n",
                         bug.what()));
  return exit_code::bug;
}

int run_command(CommandLine& line) {
  set_up_log(line.common().verbose);
  divert_results(line.answers());
  if (const auto most = raise_open_file_limit(); most < kLeastOpenFiles)
    return say({ErrorKind::usage, describe_open_files(most)});
  const auto code = line.run();
  return code ? *code : say(code.error());
}

/// Sets `as_json` if standard output is to have a JSON document. CLI11 takes 5 of a start's 14 ms for the
/// flags of all commands, which only help and error messages need.
int parse_and_run(const World& world, const std::vector<std::string>& arguments, bool& as_json) {
  if (const auto* group = group_of_first(arguments)) {
    CommandLine line(world, group);
    if (line.reads(arguments)) {
      as_json = line.as_json();
      return run_command(line);
    }
  }
  CommandLine line(world, nullptr);
  const auto said = line.read(arguments);
  as_json = line.as_json();
  return said ? *said : run_command(line);
}

}  // namespace

int run(const World& world, const std::vector<std::string>& arguments) {
  forget_notes();
  forget_answer();
  fill_standard_descriptors();
  note_inherited_descriptors();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that leaves shows as EPIPE
  std::signal(SIGCHLD, SIG_DFL);  // an ignored one would lose the exit status of our children
  std::signal(SIGXFSZ, SIG_IGN);  // and a file that `ulimit -f` does not allow as EFBIG
  int code = exit_code::bug;
  bool as_json = false;
  try {
    code = parse_and_run(world, arguments, as_json);
  } catch (const std::system_error& error) {
    // The limit was enough for a few nodes and not for all: no bug of ours.
    if (error.code() == std::errc::too_many_files_open) {
      code = say({ErrorKind::usage, describe_open_files(raise_open_file_limit())});
    } else {
      code = say_bug(error);
    }
  } catch (const std::exception& bug) {
    code = say_bug(bug);
  }
  if (as_json) print_answer(code);
  return exit_code_with_losses(code);
}

}  // namespace ec2mpi::cli
