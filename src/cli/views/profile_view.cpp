#include "ec2mpi/cli/views/profile_view.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/terminal/aligned.hpp"
#include "ec2mpi/cluster/values/selection.hpp"

namespace ec2mpi::cli {

namespace {

/// The ranks and calls that fit on a screen.
constexpr std::size_t kMostRows = 16;
constexpr std::size_t kMostCalls = 8;
/// A wait that is shorter is not worth a name.
constexpr double kLeastWait = 0.05;

/// With two decimals below a minute, where ranks are compared.
std::string seconds_text(double seconds) {
  seconds = std::min(seconds, 1e9);  // counters may be anything, and more nanoseconds do not fit
  return seconds < 60 ? fmt::format("{:.2f} s", seconds)
                      : format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)));
}

/// Empty where nothing was measured, and the share would be a division by 0.
std::string share_text(double part, double whole) {
  return whole > 0 ? fmt::format("{:.0f}%", 100 * part / whole) : std::string();
}

/// The rank for whose messages this one has waited longest; empty if that is hardly any time.
std::string longest_wait(const ops::RankProfile& rank) {
  const auto longest =
      std::ranges::max_element(rank.waited, {}, [](const auto& wait) { return wait.second; });
  if (longest == rank.waited.end() || longest->second < kLeastWait * rank.seconds) return {};
  return fmt::format("rank {} {}", longest->first, seconds_text(longest->second));
}

/// The cells in the order of rank_table's titles.
std::vector<std::string> rank_row(const ops::RankProfile& rank) {
  std::uint64_t bytes = 0;
  for (const auto& call : rank.calls) bytes += call.bytes;
  return {std::to_string(rank.rank),
          rank.node,
          seconds_text(rank.computing()),
          seconds_text(rank.in_mpi),
          share_text(rank.in_mpi, rank.seconds),
          rank.calls.empty() ? "" : rank.calls.front().name,
          format_bytes(bytes),
          longest_wait(rank)};
}

/// All ranks, or those that compute the longest and the shortest.
std::vector<const ops::RankProfile*> shown_ranks(const ops::JobProfile& profile) {
  std::vector<const ops::RankProfile*> ranks;
  for (const auto& rank : profile.ranks) ranks.push_back(&rank);
  if (ranks.size() <= kMostRows) return ranks;
  std::ranges::stable_sort(ranks, std::greater(), [](const auto* rank) { return rank->computing(); });
  ranks.erase(ranks.begin() + kMostRows / 2, ranks.end() - kMostRows / 2);
  return ranks;
}

/// At most kMostRows ranks; a line says which ones were chosen.
std::string rank_table(const ops::JobProfile& profile) {
  std::vector<std::vector<std::string>> rows = {
      {"RANK", "NODE", "COMPUTING", "IN MPI", "SHARE", "MOSTLY IN", "SENT", "WAITS FOR"}};
  for (const auto* rank : shown_ranks(profile)) rows.push_back(rank_row(*rank));
  auto table = aligned(std::move(rows));
  if (profile.ranks.size() > kMostRows)
    table +=
        fmt::format("the {} ranks that compute the longest and the {} that compute the shortest, of {}\n",
                    kMostRows / 2, kMostRows / 2, profile.ranks.size());
  return table;
}

/// The share is that of the time of all ranks together.
std::string call_table(const ops::JobProfile& profile) {
  double whole = 0;
  for (const auto& rank : profile.ranks) whole += rank.seconds;
  std::vector<std::vector<std::string>> rows = {{"CALL", "COUNT", "TIME", "SHARE", "SENT"}};
  for (const auto& call : ops::sum_calls(profile)) {
    if (rows.size() > kMostCalls) break;
    rows.push_back({call.name, std::to_string(call.count), seconds_text(call.seconds),
                    share_text(call.seconds, whole), call.bytes == 0 ? "" : format_bytes(call.bytes)});
  }
  return rows.size() == 1 ? std::string() : aligned(std::move(rows));
}

/// A damaged record of a job may want any number of ranks.
constexpr std::size_t kMostMissing = 1000;

struct MissingRanks {
  std::vector<int> first;  ///< at most kMostMissing of them
  std::size_t count = 0;   ///< of all
};

/// Ranks from 0 to `wanted` - 1 without counters. Numbers beyond that are damage, and do not count.
MissingRanks missing_ranks(const ops::JobProfile& profile, int wanted) {
  std::set<int> there;
  for (const auto& rank : profile.ranks)
    if (rank.rank < wanted) there.insert(rank.rank);
  MissingRanks missing{.first = {}, .count = static_cast<std::size_t>(std::max(wanted, 0)) - there.size()};
  const auto most = std::min(missing.count, kMostMissing);
  for (int rank = 0; missing.first.size() < most; ++rank)
    if (!there.contains(rank)) missing.first.push_back(rank);
  return missing;
}

/// Without these lines, a table with some ranks missing would look complete.
std::string notes(const ops::JobProfile& profile, int wanted) {
  std::string text;
  const auto missing = missing_ranks(profile, wanted);
  if (missing.count > 0)
    text += fmt::format(
        "no counters of {} {}{}\n", missing.count == 1 ? "rank" : "ranks", fold_indices(missing.first),
        missing.count > missing.first.size() ? fmt::format(", … ({} in all)", missing.count) : std::string());
  for (const auto& node : profile.lost) text += fmt::format("{} did not give its counters\n", node);
  if (profile.spawned > 0) text += count_of(profile.spawned, "spawned rank") + " left out\n";
  return text;
}

}  // namespace

std::string profile_screen(const ops::JobProfile& profile, const std::string& id, int wanted) {
  if (profile.ranks.empty()) {
    auto text = fmt::format(
        "profile of {}: no rank has counted: the program did not call MPI_Init, or is linked statically\n",
        id);
    for (const auto& node : profile.lost) text += fmt::format("{} did not give its counters\n", node);
    return text;
  }
  auto text = fmt::format("profile of {}\n{}{}{}", id, rank_table(profile), call_table(profile),
                          notes(profile, wanted));
  if (const auto balance = ops::describe_balance(profile); !balance.empty()) text += balance + "\n";
  return text;
}

Json profile_json(const ops::JobProfile& profile, const std::string& id, int wanted) {
  auto ranks = Json::array();
  for (const auto& rank : profile.ranks) {
    auto calls = Json::array();
    for (const auto& call : rank.calls)
      calls.push_back(
          {{"name", call.name}, {"count", call.count}, {"seconds", call.seconds}, {"bytes", call.bytes}});
    auto partners = Json::array();
    // A partner may have only sent or only received.
    std::set<int> numbers;
    for (const auto& [partner, seconds] : rank.waited) numbers.insert(partner);
    for (const auto& [partner, bytes] : rank.sent) numbers.insert(partner);
    for (const int partner : numbers) {
      const auto waited = rank.waited.find(partner);
      const auto sent = rank.sent.find(partner);
      partners.push_back({{"rank", partner},
                          {"waited", waited == rank.waited.end() ? 0.0 : waited->second},
                          {"bytes", sent == rank.sent.end() ? 0U : sent->second}});
    }
    ranks.push_back({{"rank", rank.rank},
                     {"node", rank.node},
                     {"seconds", rank.seconds},
                     {"computing", rank.computing()},
                     {"in_mpi", rank.in_mpi},
                     {"finalized", rank.finalized},
                     {"calls", std::move(calls)},
                     {"partners", std::move(partners)}});
  }
  const auto missing = missing_ranks(profile, wanted);
  return {{"job", id},
          {"sentence", ops::describe_balance(profile)},
          {"ranks", std::move(ranks)},
          {"missing_ranks", missing.first},
          {"missing_count", missing.count},
          {"missing_nodes", profile.lost},
          {"spawned", profile.spawned}};
}

}  // namespace ec2mpi::cli
