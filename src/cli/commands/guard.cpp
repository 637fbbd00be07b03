#include "src/cli/commands/guard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/views/not_started.hpp"
#include "ec2mpi/fleet/gather.hpp"
#include "ec2mpi/ops/bench/bench.hpp"
#include "ec2mpi/ops/job/run.hpp"
#include "src/cli/commands/bench.hpp"

namespace ec2mpi::cli {

namespace {

/// "10", "10%" or "7.5 %", as a share; nothing for other texts.
/// Refused are less than 1 %, at which each node would be off by chance, and more than 90 %.
std::optional<double> parse_percent(std::string_view text) {
  text = trim(text);
  if (text.ends_with('%')) text = trim(text.substr(0, text.size() - 1));
  double percent = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), percent);
  if (wrong != std::errc() || end != text.data() + text.size() || !(percent >= 1 && percent <= 90))
    return std::nullopt;
  return percent / 100;
}

}  // namespace

void add_guard_options(CLI::App& command, GuardOptions& options) {
  const auto guard =
      add_option(
          command, "--guard", options.limit,
          "First measure the nodes, and start nothing if one is slower by more than this [no measurement]")
          .type_name("PERCENT")
          .check([](const std::string& text) {
            return parse_percent(text) ? std::string() : "a percentage from 1 to 90, such as 10%";
          });
  add_flag(command, "--without-slow", options.without_slow,
           "Run on the other nodes if --guard names some; without -np with fewer ranks")
      .needs(guard);
}

/// The nodes that are left out are taken out of the context's cluster, so that the job plans its ranks
/// without them.
asio::awaitable<std::optional<int>> find_bad_nodes(CommandContext& context, const GuardOptions& options) {
  const auto limit = parse_percent(options.limit);
  auto& console = context.console();
  const auto measured = co_await measure_nodes(context, limit.value_or(ops::kUsualLimit));
  if (measured.code == exit_code::interrupted) {
    console.talk(console.paint_talk(Colour::yellow, "ec2mpi: interrupted; nothing was started"));
    co_return measured.code;
  }
  std::vector<ops::NodeTrouble> bad;
  bool found = false;
  bool only_nodes = true;
  for (const auto& check : measured.checks)
    for (const auto& finding : check.findings) {
      found = true;
      only_nodes = only_nodes && finding.nodes.size() == 1;
      console.talk(console.paint_talk(Colour::red, "ec2mpi: --guard: " + short_nodes_label(finding.nodes)) +
                   ": " + finding.what);
      // Of a bad path between two nodes, neither is the one to leave out.
      const auto is_it = [&](const Node& node) { return node.index == finding.nodes.front(); };
      const auto node = std::ranges::find_if(context.cluster.nodes, is_it);
      const auto known = [&](const auto& trouble) { return is_it(trouble.node); };
      if (finding.nodes.size() == 1 && node != context.cluster.nodes.end() &&
          std::ranges::none_of(bad, known))
        bad.push_back({*node, {}});
    }
  if (!found && measured.code == exit_code::ok) co_return std::nullopt;
  auto& nodes = context.cluster.nodes;
  if (options.without_slow && only_nodes && measured.code == exit_code::ok && bad.size() < nodes.size()) {
    const auto is_bad = [&](const Node& node) {
      return std::ranges::any_of(bad, [&](const auto& trouble) { return trouble.node.index == node.index; });
    };
    std::erase_if(nodes, is_bad);
    console.talk(
        fmt::format("ec2mpi: --without-slow: the job runs on {}", count_of(nodes.size(), "other node")));
    co_return std::nullopt;
  }
  console.talk(console.paint_talk(
      Colour::yellow,
      "ec2mpi: " + (bad.empty() ? std::string("nothing was started") : not_started_text(bad))));
  co_return found ? exit_code::not_started : measured.code;
}

}  // namespace ec2mpi::cli
