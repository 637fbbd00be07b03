#include "src/ops/push/relay.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <map>
#include <set>

namespace ec2mpi::ops {

namespace {

/// How long nodes that lack different files wait for the next one that connects, and for one that is
/// connected: answers arrive one after the other over a slow uplink.
constexpr auto kTimeToConnect = std::chrono::milliseconds(1000);
constexpr auto kTimeToCome = std::chrono::seconds(5);
/// bytes of tar's headers and padding
constexpr std::uint64_t kWorthCompressing = 1'000'000;

std::uint64_t bytes_of(const SourceTree& tree, const std::vector<std::size_t>& items) {
  std::uint64_t bytes = 0;
  for (const auto item : items) bytes += tree.items[item].size;
  return bytes;
}

/// More of the archive is headers and padding than content, and it is long: compressed it is a fraction of
/// that.
bool is_mostly_headers(const SourceTree& tree, const PushContent& content) {
  const auto headers = content.items.size() * kTarBesides;
  return headers >= kWorthCompressing && headers >= bytes_of(tree, content.items);
}

/// Such a node need not wait for the lists of other nodes: it gets all of the sources in any case.
bool lacks_all_files(const SourceTree& tree, const PushNeed& need) {
  return need.files == tree.files && need.kept.empty();
}

}  // namespace

PushContent content_for(const Seats& seats) {
  std::set<std::size_t> items;
  std::set<std::size_t> folders;
  for (const auto& seat : seats) {
    const auto& need = *seat->candidate.need;
    items.insert(need.items.begin(), need.items.end());
    folders.insert(need.folders.begin(), need.folders.end());
  }
  PushContent content{{items.begin(), items.end()}, {folders.begin(), folders.end()}};
  // A beginning is left out only if all nodes that need the rest have it.
  for (const auto& [number, bytes] : seats.front()->candidate.need->kept) {
    auto least = bytes;
    for (const auto& seat : seats) {
      const auto& kept = seat->candidate.need->kept;
      const auto found = kept.find(number);
      least = std::min(least, found == kept.end() ? 0 : found->second);
    }
    if (least > 0) content.offsets[number] = least;
  }
  return content;
}

Unpackers formats_for(const SourceTree& tree, const Seats& seats, bool compress) {
  Unpackers all{.gzip = compress || is_mostly_headers(tree, content_for(seats)), .holes = true};
  for (const auto& seat : seats) {
    all.gzip = all.gzip && seat->candidate.unpackers.gzip;
    all.holes = all.holes && seat->candidate.unpackers.holes;
  }
  return all;
}

std::vector<Seats> sharing(const SourceTree& tree, const Seats& seats) {
  using Need = std::pair<std::vector<std::size_t>, std::vector<std::size_t>>;
  std::map<Need, Seats> equal;
  for (const auto& seat : seats) {
    Need need{seat->candidate.need->items, {}};
    // Which files are begun counts, not how far: content_for() takes the least of them.
    for (const auto& [number, bytes] : seat->candidate.need->kept) need.second.push_back(number);
    equal[std::move(need)].push_back(seat);
  }
  std::uint64_t one_each = 0;
  for (const auto& [need, group] : equal) one_each += bytes_of(tree, need.first);
  const auto together = bytes_of(tree, content_for(seats).items);
  // Separate archives may cost the uplink a quarter more, for with them each node gets only the
  // files that it lacks.
  if (one_each > together + together / 4) return {seats};
  std::vector<Seats> groups;
  for (auto& [need, group] : equal) groups.push_back(std::move(group));
  return groups;
}

bool suits(const SourceTree& tree, const Share& share, const Candidate& candidate) {
  const auto& content = share.content();
  const auto& need = *candidate.need;
  const auto holds = [](const auto& all, const auto& some) {
    return std::includes(all.begin(), all.end(), some.begin(), some.end());
  };
  if (!holds(content.items, need.items) || !holds(content.folders, need.folders)) return false;
  if (share.formats().gzip && !candidate.unpackers.gzip) return false;
  if (share.formats().holes && !candidate.unpackers.holes) return false;
  // The archive has no beginnings of these files, so the node has to hold them already.
  const bool has_beginnings =
      std::all_of(content.offsets.begin(), content.offsets.end(), [&need](const auto& offset) {
        const auto kept = need.kept.find(offset.first);
        return kept != need.kept.end() && kept->second >= offset.second;
      });
  // At most half of the archive may be useless to the node.
  return has_beginnings && need.bytes >= bytes_of(tree, content.items) / 2;
}

asio::awaitable<Result<Place>> Relay::join(std::shared_ptr<Relay> relay, Candidate candidate, Limit limit) {
  if (auto place = relay->find_place(candidate)) co_return std::move(*place);
  const auto seat = std::make_shared<Seat>(std::move(candidate));
  relay->last_ = Clock::now();
  relay->waiting_.push_back(seat);
  relay->changed_.notify_all();
  if (lacks_all_files(*relay->tree_, *seat->candidate.need)) {
    relay->form_shares();
  } else if (!std::exchange(relay->forming_, true)) {
    asio::co_spawn(relay->executor_, form(relay), asio::detached);
  }
  while (!seat->place) {
    // The event is that of the delivery, so it may be notified for another reason.
    const Wake wake = co_await seat->candidate.news->wait(limit);
    if (wake == Wake::notified || seat->place) continue;
    // No share is to be made for a node that has given up.
    std::erase(relay->waiting_, seat);
    co_return wake_error(wake, "the push did not begin in time");
  }
  co_return *seat->place;
}

/// One coroutine for all nodes that wait. Each node that comes prolongs the wait (`last_`).
asio::awaitable<void> Relay::form(std::shared_ptr<Relay> relay) {
  const Limit unlimited;
  while (relay->some_may_come(relay->last_)) {
    const Limit moment = unlimited.at_most(relay->last_ + relay->patience() - Clock::now());
    co_await relay->changed_.wait(moment);
  }
  relay->forming_ = false;
  relay->form_shares();
}

void Relay::form_shares() {
  const auto seats = std::exchange(waiting_, {});
  if (seats.empty()) return;
  for (const auto& group : sharing(*tree_, seats)) {
    auto share = make_share(group);
    shares_.push_back(share);
    // For each member, those that are added after it are nodes to come.
    auto to_come = this->to_come() + group.size();
    for (const auto& seat : group) {
      seat->place = Place{share, share->add(seat->candidate, --to_come)};
      seat->candidate.news->notify_all();
    }
  }
}

std::optional<Place> Relay::find_place(const Candidate& candidate) {
  for (const auto& share : shares_) {
    if (!share->is_open() || !suits(*tree_, *share, candidate)) continue;
    return Place{share, share->add(candidate, to_come())};
  }
  return std::nullopt;
}

std::shared_ptr<Share> Relay::make_share(const Seats& seats) const {
  return std::make_shared<Share>(tree_, content_for(seats), formats_for(*tree_, seats, compress_), rules_,
                                 count_);
}

Place Relay::serve_alone(const Candidate& candidate) const {
  const auto share = make_share({std::make_shared<Seat>(candidate)});
  return {share, share->add(candidate, 0)};
}

void Relay::account() {
  --expected_;
  ++accounted_;
  changed_.notify_all();
  if (expected_ == 0) settled_.notify_all();
}

Clock::duration Relay::patience() const {
  return expected_ > 0 ? Clock::duration(kTimeToCome) : Clock::duration(kTimeToConnect);
}

bool Relay::some_may_come(Clock::time_point since) const {
  return to_come() > 0 && Clock::now() < since + patience();
}

asio::awaitable<void> Relay::wait_for_others(std::shared_ptr<Relay> relay, Clock::time_point since,
                                             Limit limit) {
  while (relay->some_may_come(since)) {
    const Limit moment = limit.at_most(since + relay->patience() - Clock::now());
    const Wake wake = co_await relay->settled_.wait(moment);
    if (wake == Wake::stopped || Clock::now() >= limit.deadline) break;
  }
}

}  // namespace ec2mpi::ops
