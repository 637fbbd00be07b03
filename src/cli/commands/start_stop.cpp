#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "src/cli/commands/instances.hpp"

namespace ec2mpi::cli {

namespace {

struct ChangeOptions {
  InstanceOptions which;
  Agreement agreement;
};

enum class Change { stop, start };

const char* verb_of(Change change) {
  return change == Change::stop ? "stop" : "start";
}
const char* end_of(Change change) {
  return change == Change::stop ? "stopped" : "running";
}

/// Those that the change is for: what is at its end already needs none.
std::vector<cloud::Instance> to_change(std::vector<cloud::Instance> instances, Change change) {
  std::erase_if(instances, [change](const cloud::Instance& one) { return one.state == end_of(change); });
  return instances;
}

/// An ended instance cannot come back; it is named before anything is changed.
std::optional<Error> ended_one(const OnInstances& on, const std::vector<cloud::Instance>& instances) {
  for (const auto& one : instances)
    if (one.state == "terminated" || one.state == "shutting-down")
      return Error{ErrorKind::usage,
                   fmt::format("{} is {}; take it out of the list, or choose others with -w",
                               title_of(on, one.id), one.state)};
  return std::nullopt;
}

asio::awaitable<cloud::Answer<void>> call(OnInstances& on, Change change, std::vector<std::string> ids,
                                          bool dry_run) {
  if (change == Change::stop) return on.ec2.stop(std::move(ids), dry_run, on.limit());
  return on.ec2.start(std::move(ids), dry_run, on.limit());
}

asio::awaitable<int> carry_out(OnInstances& on, Change change, Agreement agreement) {
  const auto found = co_await look_up_all(on);
  if (!found) co_return report_error(on, found.error(), exit_code::not_started);
  if (const auto ended = ended_one(on, *found)) co_return report_error(on, *ended, exit_code::not_started);
  const auto ids = ids_of(*found);
  const auto targets = to_change(*found, change);
  if (!targets.empty()) {
    const auto allowed = co_await call(on, change, ids_of(targets), true);
    if (!allowed) co_return report_error(on, allowed.error(), exit_code::not_started);
    if (agreement.dry_run) {
      on.console().talk(
          fmt::format("EC2 would {} {}", verb_of(change), count_of(targets.size(), "instance")));
      co_return exit_code::ok;
    }
    const auto agreed = co_await agree(on, agreement, verb_of(change), targets);
    if (!agreed) co_return report_error(on, agreed.error(), exit_code::not_started);
    if (!*agreed) co_return exit_code::not_started;
    const auto done = co_await call(on, change, ids_of(targets), false);
    if (!done) co_return report_error(on, done.error(), exit_code::node_failed);
  }
  const auto now = co_await wait_for_state(on, ids, end_of(change));
  if (!now) co_return report_error(on, now.error(), exit_code::node_failed);
  if (on.runtime.stop().stop_requested()) {
    on.console().talk("ec2mpi: interrupted; EC2 continues, and `ec2mpi status` shows how far it is");
    co_return exit_code::interrupted;
  }
  const auto written = co_await write_list(on);
  if (!written) co_return report_error(on, written.error(), exit_code::node_failed);
  const bool all =
      std::ranges::all_of(*now, [&](const cloud::Instance& one) { return one.state == end_of(change); });
  if (all && !on.runtime.options().quiet)
    on.console().talk(fmt::format("{} {}", count_of(now->size(), "instance"), end_of(change)));
  co_return all ? exit_code::ok : exit_code::node_failed;
}

void add_change_command(CLI::App& app, Dispatch& dispatch, Change change, const char* description,
                        const char* example) {
  auto options = std::make_shared<ChangeOptions>();
  auto& command = add_command(app, verb_of(change), description, example);
  add_instance_options(command, options->which);
  add_agreement_options(command, options->agreement);
  command.callback([options, change, &dispatch] {
    dispatch.chosen = [options, change](const CommonOptions& common) {
      return work_on_instances(options->which, common, [options, change](OnInstances& on) {
        return carry_out(on, change, options->agreement);
      });
    };
  });
}

}  // namespace

void add_start_stop_commands(CLI::App& app, Dispatch& dispatch) {
  add_change_command(app, dispatch, Change::start,
                     "Starts stopped instances of the list, and writes their new addresses into it",
                     "ec2mpi start\n  ec2mpi exec-all uptime        the remembered host keys stay valid");
  add_change_command(app, dispatch, Change::stop,
                     "Stops instances of the list: their disks stay, and cost, and jobs on them end",
                     "ec2mpi stop                   asks for the words `stop 4`\n"
                     "  ec2mpi stop --yes --ids i-0123456789abcdef0");
}

}  // namespace ec2mpi::cli
