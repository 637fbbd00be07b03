#include "src/cli/commands/profile.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/on_master.hpp"
#include "ec2mpi/cli/views/profile_view.hpp"
#include "ec2mpi/ops/job/jobs.hpp"

namespace ec2mpi::cli {

namespace {

struct ProfileOptions {
  MasterOptions master;
  std::string word;
  bool json = false;
};

Limit until_stopped(CommandContext& context) {
  return {Clock::time_point::max(), context.runtime.stop()};
}

/// Gives the exit code: 1 if the master answered with an error, 255 if it did not answer.
int report_failure(CommandContext& context, const Error& error) {
  context.console().talk(fmt::format("{}: {}", context.master().label(), printable(error.message)));
  if (error.kind == ErrorKind::cancelled) return exit_code::interrupted;
  return error.kind == ErrorKind::remote_io ? exit_code::node_failed : exit_code::no_connection;
}

/// Prints the profile on standard output. A refusal of the master, such as an unknown job, has its
/// own words and exit code.
asio::awaitable<int> show(CommandContext& context, ssh::Session& session, std::string word, bool as_json) {
  const auto found = co_await ops::read_job_profile(session, std::move(word), until_stopped(context));
  if (!found) co_return report_failure(context, found.error());
  if (found->refusal.code != 0) {
    context.console().talk(found->refusal.said);
    co_return found->refusal.code;
  }
  const auto& job = found->job;
  if (as_json)
    context.console().result(dump_json(profile_json(found->profile, job.id, job.np)));
  else
    context.console().result_table(profile_screen(found->profile, job.id, job.np));
  co_return exit_code::ok;
}

}  // namespace

asio::awaitable<void> show_profile_of(CommandContext& context, const ops::JobRecord& job) {
  if (!job.profile) co_return;
  std::function<asio::awaitable<int>(CommandContext&, ssh::Session&)> ask =
      [&job](CommandContext& of_command, ssh::Session& session) -> asio::awaitable<int> {
    const auto found = co_await ops::read_job_profile(session, job.id, until_stopped(of_command));
    if (!found) co_return report_failure(of_command, found.error());
    // On standard error: standard output belongs to the job.
    of_command.console().talk_bytes(found->refusal.code == 0 ? profile_screen(found->profile, job.id, job.np)
                                                             : found->refusal.said + "\n");
    co_return exit_code::ok;
  };
  // A profile that cannot be read does not change the exit code of the job.
  std::ignore = co_await ask_master(context, std::move(ask));
}

void add_profile_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<ProfileOptions>();
  auto& command = add_command(app, "profile",
                              "Shows where the ranks of a job that was run with --profile spent their time",
                              "ec2mpi profile spread");
  add_job_argument(command, options->word);
  add_master_options(command, options->master);
  add_flag(command, "--json", options->json, "All ranks and calls, as one JSON document");
  set_work(command, dispatch, options, [](const ProfileOptions& chosen, const CommonOptions& common) {
    return work_on_master(chosen.master, common, [&chosen](CommandContext& context) {
      return ask_master(context, [&chosen](CommandContext& of_command, ssh::Session& session) {
        return show(of_command, session, chosen.word, chosen.json);
      });
    });
  });
}

}  // namespace ec2mpi::cli
