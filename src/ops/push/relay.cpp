#include "src/ops/push/relay.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <map>
#include <set>

namespace ec2mpi::ops {

namespace {

/// How long the others wait for the last nodes: longer where the others took long, too, or for a node that is
/// expected, as answers arrive one after the other over a slow uplink.
constexpr auto kGrace = std::chrono::milliseconds(400);
/// The same where it would cost long to send it all once more. TCP sends a lost first packet again after a
/// second, and a slow uplink on which many connections begin loses some.
constexpr auto kLongGrace = std::chrono::milliseconds(1500);
constexpr std::uint64_t kMuchToSend = 4'000'000;  ///< bytes
constexpr std::uint64_t kWorthCompressing = 1'000'000;
constexpr std::size_t kMostSlow = 3;  ///< nodes, or an eighth of all
constexpr auto kTimeToCome = std::chrono::seconds(5);

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

}  // namespace

void Wave::notify() const {
  for (const auto& seat : seats) seat->news->notify_all();
}

bool gets_on(const Wave& wave) {
  if (wave.streamed || wave.first_slow || wave.seats.front()->finished) return false;
  return std::any_of(std::next(wave.seats.begin()), wave.seats.end(),
                     [](const auto& seat) { return !seat->finished && seat->orphaned.empty(); });
}

PushContent content_for(const std::vector<std::shared_ptr<Seat>>& seats) {
  std::set<std::size_t> items;
  std::set<std::size_t> folders;
  for (const auto& seat : seats) {
    items.insert(seat->need->items.begin(), seat->need->items.end());
    folders.insert(seat->need->folders.begin(), seat->need->folders.end());
  }
  PushContent content{{items.begin(), items.end()}, {folders.begin(), folders.end()}};
  // A beginning is left out only if all nodes that need the rest have it.
  for (const auto& [number, bytes] : seats.front()->need->kept) {
    auto least = bytes;
    for (const auto& seat : seats) {
      const auto& kept = seat->need->kept;
      const auto found = kept.find(number);
      least = std::min(least, found == kept.end() ? 0 : found->second);
    }
    if (least > 0) content.offsets[number] = least;
  }
  return content;
}

std::shared_ptr<PushStream> stream_for(const std::shared_ptr<const SourceTree>& tree,
                                       const std::vector<std::shared_ptr<Seat>>& seats, bool compress) {
  auto content = content_for(seats);
  Unpackers all{.gzip = compress || is_mostly_headers(*tree, content), .holes = true};
  for (const auto& seat : seats) {
    all.gzip = all.gzip && seat->unpackers.gzip;
    all.holes = all.holes && seat->unpackers.holes;
  }
  return std::make_shared<PushStream>(tree, std::move(content), all);
}

std::vector<std::vector<std::shared_ptr<Seat>>> sharing(const SourceTree& tree,
                                                        const std::vector<std::shared_ptr<Seat>>& seats) {
  using Need = std::pair<std::vector<std::size_t>, std::vector<std::size_t>>;
  std::map<Need, std::vector<std::shared_ptr<Seat>>> equal;
  for (const auto& seat : seats) {
    Need need{seat->need->items, {}};
    for (const auto& [number, bytes] : seat->need->kept) need.second.push_back(number);
    equal[std::move(need)].push_back(seat);
  }
  std::uint64_t one_each = 0;
  for (const auto& [need, group] : equal) one_each += bytes_of(tree, need.first);
  const auto together = bytes_of(tree, content_for(seats).items);
  if (one_each > together + together / 4) return {seats};
  std::vector<std::vector<std::shared_ptr<Seat>>> groups;
  for (auto& [need, group] : equal) groups.push_back(std::move(group));
  return groups;
}

asio::awaitable<Result<void>> Relay::join(std::shared_ptr<Relay> relay, std::shared_ptr<Seat> seat,
                                          Limit limit) {
  relay->last_ = Clock::now();
  if (relay->formed_ && relay->waiting_.empty()) relay->began_ = relay->last_;
  relay->waiting_.push_back(seat);
  relay->changed_.notify_all();
  if (!relay->forming_) {
    relay->forming_ = true;
    asio::co_spawn(relay->executor_, form(relay), asio::detached);
  }
  Result<void> joined;
  while (!seat->wave && joined) {
    const Wake wake = co_await seat->news->wait(limit);
    if (wake != Wake::notified) joined = wake_error(wake, "the push did not begin in time");
  }
  if (!joined) std::erase(relay->waiting_, seat);
  co_return joined;
}

asio::awaitable<void> Relay::form(std::shared_ptr<Relay> relay) {
  const Limit unlimited;
  for (;;) {
    auto grace = std::max<Clock::duration>(relay->grace(), (relay->last_ - relay->began_) / 2);
    if (relay->expected_ > 0) grace = std::max<Clock::duration>(grace, kTimeToCome);
    if (relay->waiting_.size() + relay->settled_ >= relay->nodes_) break;
    const auto left = relay->last_ + grace - Clock::now();
    if (left <= Clock::duration::zero()) break;
    const Limit moment = unlimited.at_most(left);
    co_await relay->changed_.wait(moment);
  }
  relay->forming_ = false;
  relay->formed_ = true;
  relay->form_waves();
}

Clock::duration Relay::grace() const {
  const bool much = std::any_of(waiting_.begin(), waiting_.end(),
                                [](const auto& seat) { return seat->need->bytes >= kMuchToSend; });
  return much ? kLongGrace : kGrace;
}

void Relay::settled() {
  ++settled_;
  changed_.notify_all();
}

void Relay::arrived() {
  --expected_;
  changed_.notify_all();
}

void Relay::form_waves() {
  auto seats = std::exchange(waiting_, {});
  if (seats.empty()) return;
  for (auto& group : sharing(*tree_, seats)) {
    auto wave = std::make_shared<Wave>();
    wave->stream = stream_for(tree_, group, compress_);
    wave->seats = std::move(group);
    if (wave->seats.size() > 1) wave->pace.emplace(wave->seats.size(), Clock::now());
    for (std::size_t i = 0; i < wave->seats.size(); ++i) {
      wave->seats[i]->wave = wave;
      wave->seats[i]->position = i;
    }
    wave->notify();
  }
}

void Relay::cut_off(const Wave& wave, std::size_t position, const std::string& why, bool moved) {
  const auto& seat = wave.seats[position];
  if (seat->finished) return;  // it has all of it, and relays it; or the nodes below it know already
  if (seat->orphaned.empty()) {
    seat->orphaned = why;
    seat->moved = moved;
  }
  for (const auto fed : fed_by(position, wave.seats.size())) cut_off(wave, fed, why, moved);
  seat->news->notify_all();
}

void Relay::lost(const Seat& seat, const std::string& why) {
  const auto wave = seat.wave;
  if (!wave) return;
  for (const auto fed : fed_by(seat.position, wave->seats.size())) cut_off(*wave, fed, why);
  if (seat.position > 0 && !seat.moved) stop_feeding(*wave, seat.position);
}

void Relay::stop_feeding(const Wave& wave, std::size_t position) {
  const auto& feeder = wave.seats[feeder_of(position)];
  feeder->drop.push_back(position);
  feeder->news->notify_all();
}

std::vector<std::string> Relay::relieve(Wave& wave) {
  const auto gone = [&wave](std::size_t i) {
    return wave.seats[i]->finished || !wave.seats[i]->orphaned.empty();
  };
  std::vector<std::string> relieved;
  for (const auto& slow : wave.pace->slow(gone)) {
    if (slow_ >= std::max(kMostSlow, nodes_ / 8)) break;
    ++slow_;
    auto& seat = *wave.seats[slow.position];
    relieved.push_back(seat.node.label());
    std::vector<std::size_t> out{slow.position};
    if (slow.position == 0) {
      out = fed_by(0, wave.seats.size());
      wave.first_slow = true;
    } else {
      seat.slow = true;
    }
    for (const auto position : out) {
      if (gone(position)) continue;
      cut_off(wave, position, seat.node.label() + ", which is much slower than the others, held it up", true);
      stop_feeding(wave, position);
    }
  }
  if (!relieved.empty()) wave.pace->begin_anew();
  if (wave.first_slow) wave.notify();  // nodes need not wait for the end of this wave
  return relieved;
}

}  // namespace ec2mpi::ops
