// `ec2mpi disconnect`: asks the daemons of this list's state folder to end, and names those that do not.

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/runtime.hpp"
#include "ec2mpi/cli/terminal/answer.hpp"
#include "ec2mpi/ssh/kept/daemon.hpp"

namespace ec2mpi::cli {

namespace {

/// Ends the connections of one state folder; those of lists in other folders stay.
asio::awaitable<int> disconnect(Runtime& runtime, std::filesystem::path folder) {
  auto& console = runtime.console();
  const auto found = co_await ssh::end_daemons(std::move(folder));
  if (!found) {
    console.talk("ec2mpi: " + found.error().message);
    co_return exit_code::not_started;
  }
  const auto& end = *found;
  auto& fields = answer_fields();
  fields["ended"] = end.ended;
  fields["stuck"] = end.stuck;
  if (!runtime.options().quiet && end.stuck.empty())
    console.talk(end.ended == 0 ? std::string("no connections were kept")
                                : fmt::format("{} ended", count_of(end.ended, "connection")));
  for (const auto pid : end.stuck) {
    console.talk(fmt::format(
        "ec2mpi: process {0} keeps connections and does not answer; end it by: kill -9 {0}", pid));
  }
  co_return end.stuck.empty() ? exit_code::ok : exit_code::node_failed;
}

Result<int> run_disconnect(const ListOptions& options, const CommonOptions& common) {
  Cluster cluster;
  TRY_AS(settings, load_settings());
  // The list is found but not read: its connections must end also where it is damaged.
  TRY_AS(list, find_list(options.list, *settings));
  TRY_AS(state, open_state(*list));
  cluster.state = std::move(*state);
  Runtime runtime(common);
  return runtime.run(disconnect(runtime, cluster.connections_folder()));
}

}  // namespace

void add_disconnect_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<ListOptions>();
  auto& command = add_command(
      app, "disconnect", "Ends the connections that --persist keeps in the background for later commands",
      "ec2mpi exec-all --persist 10m true     logs in to all nodes\n"
      "  ec2mpi run -np 8 -- ./ring             needs no login\n"
      "  ec2mpi disconnect\n"
      "Programs that still run over these connections are cut off. The connections also end by\n"
      "themselves when they were not used for that time.");
  add_option(command, "--list", options->list, "Instance list whose nodes are meant [amazon_instances_info]")
      .type_name("FILE")
      .envname("EC2MPI_LIST");
  set_work(command, dispatch, options, run_disconnect);
}

}  // namespace ec2mpi::cli
