#include "src/ops/push/pace.hpp"

#include <algorithm>

#include "src/ops/push/tree.hpp"

namespace ec2mpi::ops {

namespace {

/// On a slow uplink no node is this far behind: the bytes on their way to a node that keeps up fill two
/// pipes. In front of a slow one are those that the kernel takes, few for a slow network, and ssh's 128 KB.
constexpr std::uint64_t kPile = 300'000;
constexpr auto kFarBehind = std::chrono::seconds(8);
constexpr auto kHardlyBehind = std::chrono::seconds(4);
/// This often in a row; reports that were held up together on their way count once.
constexpr int kOften = 4;
constexpr auto kBetween = std::chrono::milliseconds(1500);
constexpr std::size_t kReports = 64;  ///< two minutes

}  // namespace

PushPace::PushPace(std::size_t size, Clock::time_point began) : tracks_(size), began_(began) {}

void PushPace::note(std::size_t position, std::uint64_t bytes, Clock::time_point heard,
                    std::optional<Clock::duration> told) {
  auto& track = tracks_[position];
  const auto own = told.value_or(heard.time_since_epoch());
  if (track.reports.empty()) track.reports.push_back({own - (heard - began_), 0});
  track.reports.push_back({own, std::max(bytes, track.reports.back().bytes)});
  if (track.reports.size() > kReports) track.reports.pop_front();
  track.clock = std::min(track.clock, heard.time_since_epoch() - own);
  latest_ = std::max(latest_, own + track.clock);
}

/// How long before the report the feeder had what the node had then; nothing if that is not known yet.
/// Between two reports bytes are taken to have arrived evenly.
std::optional<Clock::duration> PushPace::behind(std::size_t position, const Report& report) const {
  const auto& feeder = tracks_[feeder_of(position)];
  const auto now = report.told + tracks_[position].clock;
  const auto& reports = feeder.reports;
  if (reports.empty()) return std::nullopt;
  const auto later =
      std::upper_bound(reports.begin(), reports.end(), report.bytes,
                       [](std::uint64_t bytes, const Report& other) { return bytes < other.bytes; });
  if (later == reports.begin()) return now - (later->told + feeder.clock);
  const auto& before = *std::prev(later);
  auto had = before.told;
  if (later != reports.end()) {
    const auto part =
        static_cast<double>(report.bytes - before.bytes) / static_cast<double>(later->bytes - before.bytes);
    had += std::chrono::duration_cast<Clock::duration>(part * (later->told - before.told));
  } else if (now - (had + feeder.clock) >= kFarBehind) {
    return std::nullopt;
  }
  return now - (had + feeder.clock);
}

/// How much more the feeder had than the node at the time of this report.
std::uint64_t PushPace::pile(std::size_t position, const Report& report) const {
  const auto& feeder = tracks_[feeder_of(position)];
  const auto now = report.told + tracks_[position].clock;
  for (auto had = feeder.reports.rbegin(); had != feeder.reports.rend(); ++had) {
    if (had->told + feeder.clock <= now) return std::max(had->bytes, report.bytes) - report.bytes;
  }
  return 0;
}

/// How many of its last reports show that it is far behind, at most kOften.
int PushPace::often_behind(std::size_t position) const {
  const auto& track = tracks_[position];
  int often = 0;
  auto counted = Clock::duration::max();
  for (auto report = track.reports.rbegin(); report != track.reports.rend() && often < kOften; ++report) {
    if (report->told + track.clock <= since_) break;
    const auto by = behind(position, *report);
    if (!by || report->told > counted - kBetween) continue;
    if (*by < kFarBehind || pile(position, *report) < kPile) break;
    ++often;
    counted = report->told;
  }
  return often;
}

/// A node without any byte may still wait for its connection. A node that is not far behind may yet be too
/// far behind to show that its feeder feeds well; or it has more than in the feeder's last report.
PushPace::State PushPace::state(std::size_t position) const {
  const auto& track = tracks_[position];
  if (track.whole) return State::keeps_up;
  if (track.reports.empty() || track.reports.back().bytes == 0) return State::unsure;
  const auto often = often_behind(position);
  if (often > 0) return often < kOften ? State::unsure : State::behind;
  const auto& last = track.reports.back();
  const auto by = behind(position, last);
  const bool close = by && (*by < kHardlyBehind || pile(position, last) < kPile / 2);
  return close ? State::keeps_up : State::unsure;
}

/// A node that is behind because of a node below it is not to blame, and a node whose feeder feeds others is
/// to blame only if these keep up. So while one is unsure, no node beside it and above it is found.
std::vector<PushPace::Slow> PushPace::slow(const std::function<bool(std::size_t)>& gone) const {
  const auto size = tracks_.size();
  std::vector<State> states(size, State::keeps_up);
  for (std::size_t i = 1; i < size; ++i) states[i] = gone(i) && !tracks_[i].whole ? State::out : state(i);
  const auto fed_with = [&](std::size_t feeder, State sought) {
    auto fed = fed_by(feeder, size);
    std::erase_if(fed, [&](std::size_t i) { return states[i] != sought; });
    return fed;
  };
  for (std::size_t i = size; i-- > 1;) {
    const bool others = !fed_with(i, State::unsure).empty() || !fed_with(i, State::behind).empty();
    if (states[i] == State::behind && others) states[i] = State::unsure;
  }
  std::vector<Slow> found;
  for (std::size_t feeder = 0; feeder < size; ++feeder) {
    if (gone(feeder) || !fed_with(feeder, State::unsure).empty()) continue;
    const auto late = fed_with(feeder, State::behind);
    if (late.size() > 1 && fed_with(feeder, State::keeps_up).empty()) {
      found.push_back({feeder, true});
    } else {
      for (const auto fed : late) found.push_back({fed, false});
    }
  }
  return found;
}

void PushPace::begin_anew() {
  since_ = latest_;
}

}  // namespace ec2mpi::ops
