#include "src/cli/commands/bench.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/text.hpp"
#include "src/cli/commands/net.hpp"
#include "src/cli/commands/run_fleet.hpp"

namespace ec2mpi::cli {

namespace {

using ops::Check;
using Verdict = Check::Verdict;

/// The check "speed", in the form of doctor's own checks. Skipped if no node gave a measurement.
Check speed_check(const ops::NodeSpeeds& speeds, std::size_t nodes, double limit) {
  Check check{
      .name = "speed", .verdict = Verdict::ok, .summary = ops::describe_speeds(speeds), .findings = {}};
  for (auto& off : ops::find_off_nodes(speeds, limit))
    check.findings.push_back(
        {.nodes = {off.index}, .what = std::move(off.what), .command = {}, .fix = std::move(off.fix)});
  if (!check.findings.empty()) check.verdict = Verdict::failed;
  if (speeds.empty()) check.verdict = Verdict::skipped;
  if (nodes == 1) check.summary += "; one node cannot be compared";
  return check;
}

/// The check "network": the outliers that remained after all rounds.
Check network_check(const NetMeasured& measured, const std::vector<ops::Outlier>& outliers) {
  Check check{.name = "network", .verdict = Verdict::ok, .summary = {}, .findings = {}};
  if (!measured.map) {
    check.verdict = Verdict::skipped;
    check.summary = "it could not be measured";
    return check;
  }
  const auto& map = *measured.map;
  check.summary =
      fmt::format("latency {:.0f} us, bandwidth {}/s", ops::usual(map, ops::Measure::latency),
                  format_bytes(static_cast<std::uint64_t>(ops::usual(map, ops::Measure::bandwidth))));
  for (const auto& outlier : outliers) {
    // The text begins with the nodes, which the view prints in front of it.
    const auto text = outlier.text();
    check.findings.push_back({.nodes = outlier.nodes,
                              .what = text.substr(text.find(": ") + 2),
                              .command = {},
                              .fix = "ec2mpi net shows all pairs"});
  }
  if (!check.findings.empty()) check.verdict = Verdict::failed;
  return check;
}

/// Busy machines give outliers by chance; only those that every measurement has are real.
asio::awaitable<NetMeasured> measure_pairs(CommandContext& context, std::vector<ops::Outlier>& outliers) {
  auto measured = co_await measure_net(context, false);
  if (measured.map) outliers = ops::outliers(*measured.map);
  for (int round = 2; round <= ops::kMostRounds && !outliers.empty(); ++round) {
    const auto again = co_await measure_net(context, false);
    if (!again.map) co_return again;
    const auto found = ops::outliers(*again.map);
    std::erase_if(outliers, [&found](const auto& outlier) {
      return std::ranges::none_of(found, [&outlier](const auto& other) {
        return other.nodes == outlier.nodes && other.measure == outlier.measure;
      });
    });
  }
  co_return measured;
}

}  // namespace

/// The nodes first, then the pairs: a node that is slow by itself would spoil the measurement of its network.
/// One round is enough if it names no node.
/// `limit`: the part of the usual speed that a node may lack.
asio::awaitable<BenchResult> measure_nodes(CommandContext& context, double limit) {
  BenchResult result;
  const auto& nodes = context.cluster.nodes;
  for (int round = 1; round <= ops::kMostRounds; ++round) {
    FleetCommand command{.style = {.quiet = true, .doing = fmt::format("measuring: round {}", round)},
                         .task = ops::bench_task(result.speeds),
                         .remembers_failures = false};
    const auto report = co_await run_fleet(context, std::move(command));
    result.code = exit_code_for(report);
    if (result.code != exit_code::ok) break;
    // Only a node that is off each time is named.
    if (ops::find_off_nodes(result.speeds, limit).empty()) break;
  }
  if (result.code == exit_code::interrupted) co_return result;
  result.checks.push_back(speed_check(result.speeds, nodes.size(), limit));
  if (nodes.size() < 2 || result.code != exit_code::ok) co_return result;
  std::vector<ops::Outlier> outliers;
  const auto measured = co_await measure_pairs(context, outliers);
  if (!measured.map && measured.code == exit_code::interrupted) result.code = measured.code;
  result.checks.push_back(network_check(measured, outliers));
  co_return result;
}

/// The numbers are those of docs/json.md; their units are those of ops::NodeSpeed.
Json speeds_json(const ops::NodeSpeeds& speeds) {
  auto list = Json::array();
  for (const auto& [index, speed] : speeds)
    list.push_back({{"node", fmt::format("node{}", index)},
                    {"index", index},
                    {"cores", speed.cores},
                    {"processor", speed.model},
                    {"method", speed.method},
                    {"one_core", speed.one_core},
                    {"all_cores", speed.all_cores},
                    {"memory", speed.memory},
                    {"stolen", speed.stolen},
                    {"throttled", speed.throttled},
                    {"missing", speed.missing},
                    {"others", speed.others}});
  return list;
}

}  // namespace ec2mpi::cli
