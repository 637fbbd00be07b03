#include "ec2mpi/cli/session/on_master.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/error_references.hpp"
#include "ec2mpi/cli/session/flags.hpp"

namespace ec2mpi::cli {

void add_master_options(CLI::App& command, MasterOptions& options) {
  add_list_options(command, options.list);
  add_jump_option(command, options.list, "Reach the master through this host, by its private address");
  add_connect_options(command, options.connect);
}

namespace {

/// The same words in the help of each command that takes a job.
std::string job_words(const JobArgument& argument) {
  return fmt::format("its id{}, or its name{} [{}]",
                     argument.whole ? " or NAME-DATE" : ", the beginning of its id",
                     argument.may_be_series ? "; or the name of a series" : "", argument.otherwise);
}

}  // namespace

Option add_job_argument(CLI::App& command, std::string& word, const JobArgument& argument) {
  return add_option(command, "id", word, "The job: " + job_words(argument)).type_name("ID");
}

Option add_job_argument(CLI::App& command, std::vector<std::string>& words, const JobArgument& argument) {
  return add_option(command, "id", words, "The jobs: each by " + job_words(argument)).type_name("ID...");
}

/// Without a selection: jobs are the master's, whichever nodes they use.
Result<int> work_on_master(const MasterOptions& options, const CommonOptions& common, Work work) {
  TRY_AS(cluster, open_cluster(options.list));
  TRY_AS(access, open_access(*cluster, options.connect));
  const auto flow = fleet_options(*cluster, options.connect, {});
  return run_on_loop(*cluster, *access, flow, common, std::move(work));
}

asio::awaitable<int> ask_master(CommandContext& context,
                                std::function<asio::awaitable<int>(CommandContext&, ssh::Session&)> ask) {
  // The limit is for the connection only; `ask` has its own.
  const auto limit = Limit{.deadline = Clock::time_point::max(), .stop = context.runtime.stop()}.at_most(
      context.flow.connect_timeout);
  auto session = co_await context.connector.connect(context.master(), limit, [](ssh::Phase) {});
  if (!session) {
    context.console().talk(
        fmt::format("{}: {}", context.master().label(), printable(session.error().message)));
    if (const auto reference = error_reference(session.error().message); !reference.empty())
      context.console().talk("ec2mpi: " + reference);
    const bool interrupted = session.error().kind == ErrorKind::cancelled;
    co_return interrupted ? exit_code::interrupted : exit_code::no_connection;
  }
  const int code = co_await ask(context, **session);
  co_return code;
}

}  // namespace ec2mpi::cli
