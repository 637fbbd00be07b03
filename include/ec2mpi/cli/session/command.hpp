#pragma once
/// A sub-command is an options struct, a set-up function and a run function; this is the part that they have
/// in common.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/cli/session/options.hpp"

namespace CLI {
class App;
}

namespace ec2mpi::cli {

/// Runs after the arguments are parsed, and returns the exit code. An Error means that nothing was started:
/// exit 2.
using Command = std::function<Result<int>(const CommonOptions&)>;

/// The sub-command stores its work here.
struct Dispatch {
  /// For `login` and `run`: the words behind the first --, which are not ours to read; nothing without a --.
  std::optional<std::vector<std::string>> behind_dashes = {};
  Command chosen = {};
};

/// Adds one sub-command; `example` stands at the end of its help.
CLI::App& add_command(CLI::App& app, const std::string& name, const std::string& description,
                      const std::string& example);

/// `action` runs when this command was typed, and its flags have been read.
void when_typed(CLI::App& command, std::function<void()> action);

/// The command calls `run` with its options, if it is the one that was typed.
template <class Options, class Run>
void set_work(CLI::App& command, Dispatch& dispatch, std::shared_ptr<Options> options, Run run) {
  when_typed(command, [options = std::move(options), run = std::move(run), &dispatch] {
    dispatch.chosen = [options, run](const CommonOptions& common) -> Result<int> {
      return run(*options, common);
    };
  });
}

/// For `ec2mpi` alone: which lists, jobs and kept connections are here, and the next step. It connects to
/// nothing.
[[nodiscard]] Result<int> show_situation(const CommonOptions& common);

void add_init_command(CLI::App& app, Dispatch& dispatch);
void add_ips_command(CLI::App& app, Dispatch& dispatch);
void add_nodes_command(CLI::App& app, Dispatch& dispatch);
void add_disconnect_command(CLI::App& app, Dispatch& dispatch);
void add_exec_commands(CLI::App& app, Dispatch& dispatch);
void add_login_command(CLI::App& app, Dispatch& dispatch);
void add_push_command(CLI::App& app, Dispatch& dispatch);
void add_pull_command(CLI::App& app, Dispatch& dispatch);
void add_profile_command(CLI::App& app, Dispatch& dispatch);
void add_stacks_command(CLI::App& app, Dispatch& dispatch);
void add_ps_commands(CLI::App& app, Dispatch& dispatch);
void add_run_command(CLI::App& app, Dispatch& dispatch);
void add_setup_command(CLI::App& app, Dispatch& dispatch);
void add_bugreport_command(CLI::App& app, Dispatch& dispatch);
void add_doctor_command(CLI::App& app, Dispatch& dispatch);
void add_follow_commands(CLI::App& app, Dispatch& dispatch);
void add_jobs_commands(CLI::App& app, Dispatch& dispatch);
void add_net_command(CLI::App& app, Dispatch& dispatch);
void add_top_command(CLI::App& app, Dispatch& dispatch);
void add_shell_command(CLI::App& app, Dispatch& dispatch);
void add_report_command(CLI::App& app, Dispatch& dispatch);
void add_option_tree_command(CLI::App& app, Dispatch& dispatch);
void add_up_command(CLI::App& app, Dispatch& dispatch);
void add_status_command(CLI::App& app, Dispatch& dispatch);
void add_start_stop_commands(CLI::App& app, Dispatch& dispatch);
void add_extend_command(CLI::App& app, Dispatch& dispatch);
void add_down_command(CLI::App& app, Dispatch& dispatch);
void add_allow_command(CLI::App& app, Dispatch& dispatch);
void add_iam_policy_command(CLI::App& app, Dispatch& dispatch);

}  // namespace ec2mpi::cli
