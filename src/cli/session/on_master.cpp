#include "ec2mpi/cli/session/on_master.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/connecting.hpp"

namespace ec2mpi::cli {

namespace {

asio::awaitable<int> on_loop(Runtime& runtime, Cluster& cluster, Access& access, FleetOptions flow,
                             std::function<asio::awaitable<int>(OnMaster&)> work) {
  const auto connector = make_connector(runtime, access);
  OnMaster on{runtime, cluster, *connector, flow};
  const int code = co_await work(on);
  co_return code;
}

}  // namespace

void add_master_options(CLI::App& command, MasterOptions& options) {
  add_list_options(command, options.list);
  command
      .add_option("-J,--jump", options.list.jump,
                  "Reach the master through this host, by its private address")
      ->type_name("[USER@]HOST[:PORT]")
      ->envname("EC2MPI_JUMP");
  add_connect_options(command, options.connect);
}

Result<int> work_on_master(const MasterOptions& options, const CommonOptions& common,
                           std::function<asio::awaitable<int>(OnMaster&)> work) {
  TRY_AS(cluster, open_cluster(options.list));
  TRY_AS(access, open_access(*cluster, options.connect));
  Runtime runtime(common);
  const auto flow = fleet_options(*cluster, options.connect, {});
  return runtime.run(on_loop(runtime, *cluster, *access, flow, std::move(work)));
}

asio::awaitable<int> ask_master(OnMaster& on,
                                std::function<asio::awaitable<int>(OnMaster&, ssh::Session&)> ask) {
  const auto limit =
      Limit{.deadline = Clock::time_point::max(), .stop = on.runtime.stop()}.at_most(on.flow.connect_timeout);
  auto session = co_await on.connector.connect(on.master(), limit, [](ssh::Phase) {});
  if (!session) {
    on.runtime.console().talk(fmt::format("{}: {}", on.master().label(), printable(session.error().message)));
    const bool interrupted = session.error().kind == ErrorKind::cancelled;
    co_return interrupted ? exit_code::interrupted : exit_code::no_connection;
  }
  const int code = co_await ask(on, **session);
  co_return code;
}

}  // namespace ec2mpi::cli
