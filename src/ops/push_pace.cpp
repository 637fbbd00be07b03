#include "src/ops/push_pace.hpp"

#include <algorithm>

#include "src/ops/push_relay.hpp"

namespace ec2mpi::ops {

namespace {

constexpr auto kFarBehind = std::chrono::seconds(2);
/// So often in a row, and not twice for reports that were held up together on their way.
constexpr int kOften = 3;
constexpr auto kBetween = std::chrono::milliseconds(1500);
constexpr std::size_t kReports = 64;  ///< two minutes

}  // namespace

PushPace::PushPace(std::size_t size, Clock::time_point began) : tracks_(size) {
  for (auto& track : tracks_) track.reports.push_back({began, 0});
}

void PushPace::note(std::size_t position, std::uint64_t bytes, Clock::time_point when) {
  auto& track = tracks_[position];
  track.reports.push_back({when, bytes});
  if (track.reports.size() > kReports) track.reports.pop_front();
  if (position == 0) return;
  const auto behind = when - when_had(tracks_[feeder_of(position)], bytes, when);
  if (behind < kFarBehind) {
    track.behind = 0;
  } else if (when - track.counted >= kBetween) {
    ++track.behind;
    track.counted = when;
  }
}

void PushPace::note_whole(std::size_t position) {
  tracks_[position].whole = true;
  tracks_[position].behind = 0;
}

/// Between two reports bytes are taken to have come evenly.
Clock::time_point PushPace::when_had(const Track& track, std::uint64_t bytes, Clock::time_point now) const {
  const auto& reports = track.reports;
  const auto later = std::find_if(reports.begin(), reports.end(),
                                  [bytes](const Report& report) { return report.bytes > bytes; });
  if (later == reports.end()) return now;
  if (later == reports.begin()) return later->when;
  const auto& before = *std::prev(later);
  const auto part =
      static_cast<double>(bytes - before.bytes) / static_cast<double>(later->bytes - before.bytes);
  return before.when + std::chrono::duration_cast<Clock::duration>(part * (later->when - before.when));
}

/// Who is behind because of somebody further down is not to blame, and who is fed by the same node as others
/// is to blame only if these are not behind.
std::vector<PushPace::Slow> PushPace::slow(const std::function<bool(std::size_t)>& gone) const {
  const auto at_work = [this, &gone](std::size_t i) { return !tracks_[i].whole && !gone(i); };
  const auto suspected = [this, &at_work](std::size_t i) { return at_work(i) && tracks_[i].behind > 0; };
  std::vector<Slow> found;
  for (std::size_t feeder = 0; feeder < tracks_.size(); ++feeder) {
    if (gone(feeder)) continue;
    std::vector<std::size_t> sure;
    bool others_keep_up = false;
    bool unsure = false;
    for (const auto fed : fed_by(feeder, tracks_.size())) {
      const auto further = fed_by(fed, tracks_.size());
      if (tracks_[fed].whole || (at_work(fed) && tracks_[fed].behind == 0)) {
        others_keep_up = true;
      } else if (suspected(fed)) {
        const bool own = std::none_of(further.begin(), further.end(), suspected);
        if (own && tracks_[fed].behind >= kOften) {
          sure.push_back(fed);
        } else {
          unsure = true;
        }
      }
    }
    if (unsure) continue;
    if (sure.size() > 1 && !others_keep_up) {
      found.push_back({feeder, true});
    } else {
      for (const auto fed : sure) found.push_back({fed, false});
    }
  }
  return found;
}

void PushPace::begin_anew() {
  for (auto& track : tracks_) track.behind = 0;
}

}  // namespace ec2mpi::ops
