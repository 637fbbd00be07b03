#include "src/cli/commands/console_keys.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cloud/instance_list.hpp"
#include "ec2mpi/ssh/host_keys.hpp"

namespace ec2mpi::cli {

namespace {

/// Nitro instances print their keys within a minute. Others may show their console some minutes later.
constexpr auto kConsoleTime = std::chrono::minutes(8);
constexpr auto kFirstConsoleLook = std::chrono::milliseconds(500);
constexpr auto kSlowestConsoleLook = std::chrono::seconds(5);
constexpr std::size_t kShownConsole = 400;  ///< bytes of its end

/// HostKeys names a key by the instance's id, so the node needs no address yet.
Node node_of(const cloud::Instance& instance) {
  Node node;
  node.instance_id = instance.id;
  return node;
}

/// ssh asks the node for the remembered type of key, so one is enough: the one that it prefers.
ssh::HostKey preferred_key(const std::vector<std::pair<std::string, std::string>>& printed) {
  const auto is_preferred = [](const auto& key) { return key.first == "ssh-ed25519"; };
  const auto found = std::ranges::find_if(printed, is_preferred);
  const auto& [type, base64] = found == printed.end() ? printed.front() : *found;
  return {type, base64};
}

std::unexpected<Error> no_printed_keys(const cloud::Instance& instance, std::string_view console) {
  return fail(ErrorKind::timeout,
              fmt::format("{} has printed no host keys on its console in {}, so nobody could know whether it "
                          "is the right machine; the end of the console: {}",
                          instance.id, format_duration(kConsoleTime), end_of_console(console)));
}

}  // namespace

asio::awaitable<cloud::Answer<void>> remember_printed_keys(InstanceContext& context,
                                                           std::filesystem::path list,
                                                           std::vector<cloud::Instance> instances) {
  auto silent = std::move(instances);
  CO_TRY_AS(state, open_state(list));
  CO_TRY_AS(keys, ssh::HostKeys::load(state->path() / "known_hosts", ssh::UnknownHostKey::remember));
  const auto limit = context.limit().at_most(kConsoleTime);
  const auto count = silent.size();
  Clock::duration pause = kFirstConsoleLook;
  for (;;) {
    std::string console;
    // One silent instance is enough to wait for: the others are asked when it has printed its keys.
    // So most looks cost one call, however many instances there are.
    while (!silent.empty()) {
      CO_TRY_AS(text, co_await context.ec2.console_output(silent.back().id, context.limit()));
      console = std::move(*text);
      const auto printed = cloud::host_keys_in(console);
      if (printed.empty()) break;
      // The first sight of a key remembers it. Another key under the same id is an error.
      CO_TRY(keys->verify(node_of(silent.back()), preferred_key(printed)));
      silent.pop_back();
    }
    if (silent.empty()) break;
    context.console().status(fmt::format("{} of {} have printed their host keys; waiting for {}",
                                         count - silent.size(), count, silent.back().id));
    const Wake wake = co_await sleep_for(pause, limit);
    if (wake == Wake::stopped) co_return wake_error(wake, "host keys");
    // A sleep ends as timed_out whether the pause or the whole time is over, so the clock decides.
    if (Clock::now() >= limit.deadline) co_return no_printed_keys(silent.back(), console);
    pause = std::min<Clock::duration>(2 * pause, kSlowestConsoleLook);
  }
  context.console().status("");
  co_return cloud::Answer<void>();
}

std::string end_of_console(std::string_view console) {
  console = trim(console);
  if (console.size() > kShownConsole) console.remove_prefix(console.size() - kShownConsole);
  return console.empty() ? "(nothing)" : printable(console);
}

}  // namespace ec2mpi::cli
