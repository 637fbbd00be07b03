#include "src/ops/push/share.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"

namespace ec2mpi::ops {

namespace {

constexpr auto kBetweenLooks = std::chrono::seconds(1);
constexpr std::uint64_t kPackedTo = 4;  ///< parts of an archive that gzip may leave one of
/// An upload that needs this long may be slow because of its node. A second one beside it costs half of
/// the uplink for kTimeToSettle, if it is of no use: under 1 % of this time.
constexpr double kLongUpload = 300;  ///< seconds
constexpr auto kBetweenTries = std::chrono::seconds(30);
/// Over a busy uplink the bytes of an upload come in bursts, with seconds between some of them.
constexpr std::chrono::seconds kToMeasure{10};

/// The command that a node runs on its feeder, up to the number of the first byte. It follows the archive as
/// long as the feeder's script gets or may get more, which lives in the process with the number `keeper`.
/// It waits up to a minute for the beginning of the feeder's own archive.
std::string follow_command(const std::string& stage) {
  constexpr std::string_view kFollow =
      "n=0; until [ -s keeper ]; do n=$((n + 1)); [ $n -lt 600 ] || { echo 'it got no archive' >&2; exit 1; "
      "}; "
      "sleep 0.1; done; "
      "read -r keeper <keeper && exec tail -f -s 0.05 --pid=\"$keeper\" archive -c +";
  // The login shell of the feeder runs this behind its start-up files.
  return fmt::format("{}{}cd {} && {}", clean_environment(), go_home_text(), quote_word(stage + "/.own"),
                     kFollow);
}

std::optional<std::pair<std::uint64_t, std::string_view>> number_and_rest(std::string_view word) {
  const auto at = word.find(' ');
  const auto number = parse_number(word.substr(0, at));
  if (!number) return std::nullopt;
  return std::pair(*number, at == std::string_view::npos ? std::string_view() : word.substr(at + 1));
}

}  // namespace

Share::Share(std::shared_ptr<const SourceTree> tree, PushContent content, Unpackers formats,
             FeederRules rules, PushCount& count)
    : tree_(std::move(tree)), content_(std::move(content)), formats_(formats), rules_(rules), count_(count) {}

std::unique_ptr<PushStream> Share::open_stream() const {
  return std::make_unique<PushStream>(tree_, content_, formats_);
}

std::uint64_t Share::expected() const {
  return open_stream()->expected_archive() / (formats_.gzip ? kPackedTo : 1);
}

std::size_t Share::add(const Candidate& candidate, std::size_t to_come) {
  std::vector<NodeState> states;
  for (const auto& member : members_) states.push_back(member.state);
  Member member;
  member.candidate = candidate;
  const bool has_room = candidate.room / 2 > open_stream()->expected_archive();  // for archive and files
  member.state.stores = has_room && must_store(states, to_come);
  member.state.phase = NodePhase::joining;
  members_.push_back(std::move(member));
  return members_.size() - 1;
}

void Share::begin(std::size_t node) {
  members_[node].state.phase = NodePhase::waiting;
  members_[node].heard = Clock::now();
  // The upload has ended already, so its end will not bring the size to this node.
  if (whole_) order(node, size_text());
  changed_states_ = true;
  look();
}

// --- reports ---

/// The reports of a node are about right only, so an offset never goes back here. Only
/// take_offset() sets the exact one.
void Share::set_offset(Member& member, std::uint64_t offset) {
  if (offset > member.state.offset) {
    // While the node moves, `feeder` is the next one already.
    if (member.source != kLaptop) member.from_nodes += offset - member.state.offset;
    member.state.offset = offset;
    member.grew = Clock::now();
  }
  count_.arrived[member.candidate.node.index] = member.state.offset;
}

void Share::note_progress(std::size_t node, std::uint64_t bytes) {
  auto& member = members_[node];
  if (!is_getting(member)) return;
  const auto before = member.from_nodes;
  set_offset(member, whole_ ? std::min(bytes, whole_->size()) : bytes);
  count_.inside += member.from_nodes - before;
}

void Share::note_end(std::size_t node, std::string_view word) {
  const auto feeding = number_and_rest(word);
  const auto offset = feeding ? number_and_rest(feeding->second) : std::nullopt;
  auto& member = members_[node];
  if (!offset || static_cast<int>(feeding->first) != member.feeding || !is_getting(member)) return;
  const auto& feeder = member.state.feeder;
  // A node that moves was told to stop, so an end without a new byte is no refusal.
  const bool refused = member.state.phase == NodePhase::receiving && offset->first == member.began_at;
  if (refused && feeder && *feeder != kLaptop) note_refused(member, *feeder, trim(offset->second));
  take_offset(node, offset->first);
}

/// No byte came. Without a reason the feeder has ended, which its own delivery reports.
void Share::note_refused(Member& member, std::size_t feeder, std::string_view reason) const {
  member.state.unreachable.insert(feeder);
  if (reason.empty()) return;
  member.unlinked = fmt::format("{} could not relay to {}: {}", members_[feeder].candidate.node.label(),
                                member.candidate.node.label(), printable(reason));
  count_.note = member.unlinked;
}

bool Share::is_getting(const Member& member) {
  return member.state.phase == NodePhase::receiving || member.state.phase == NodePhase::moving;
}

/// Its feeding has ended, whatever the reason, with exactly this many bytes.
void Share::take_offset(std::size_t node, std::uint64_t offset) {
  auto& member = members_[node];
  const auto before = member.from_nodes;
  set_offset(member, offset);
  member.state.offset = offset;
  // The reports may have said more: a node without the archive counts what its programs read besides.
  if (member.source != kLaptop)
    member.from_nodes = member.from_nodes_before + (offset - std::min(offset, member.began_at));
  count_.inside += member.from_nodes - before;
  changed_states_ = true;
  if (whole_ && offset == bytes()) {
    member.state.phase = NodePhase::committing;
  } else if (member.state.phase == NodePhase::moving && is_next_feeder_well(node)) {
    connect(node);
  } else {
    member.state.phase = NodePhase::waiting;
    member.state.feeder.reset();
  }
  member.candidate.news->notify_all();
  look();
}

/// The next feeder was chosen before the exact offset was known. It may have less, or have failed.
bool Share::is_next_feeder_well(std::size_t node) const {
  const auto& feeder = members_[node].state.feeder;
  if (!feeder || *feeder == kLaptop) return feeder.has_value();
  const auto& state = members_[*feeder].state;
  return state.stores && state.phase != NodePhase::failed && state.phase != NodePhase::waiting &&
         state.offset >= members_[node].state.offset;
}

void Share::note_done(std::size_t node) {
  auto& member = members_[node];
  member.state.phase = NodePhase::done;
  count_.arrived.erase(member.candidate.node.index);
  count_inside(member);
  changed_states_ = true;
  // Nodes that keep the archive wait for the last node to be done.
  for (auto& other : members_) other.candidate.news->notify_all();
}

/// By the content, as over the uplink.
/// Until now the reports counted bytes of the archive, with headers and padding.
void Share::count_inside(Member& member) const {
  const auto bytes = std::exchange(member.from_nodes, 0);
  count_.inside -= std::min(count_.inside, bytes);
  if (!whole_) return;
  const auto part = static_cast<double>(bytes) / static_cast<double>(whole_->size());
  const auto all = formats_.gzip ? whole_->size() : whole_->content_bytes();
  count_.inside +=
      bytes == whole_->size() ? all : static_cast<std::uint64_t>(part * static_cast<double>(all));
}

void Share::note_gone(std::size_t node) {
  auto& member = members_[node];
  if (member.state.phase != NodePhase::done) {
    member.state.phase = NodePhase::failed;
    count_.inside -= std::min(count_.inside, std::exchange(member.from_nodes, 0));
    count_.arrived.erase(member.candidate.node.index);
  }
  member.state.stores = false;
  member.state.feeder.reset();
  for (std::size_t i = 0; i < members_.size(); ++i) {
    auto& state = members_[i].state;
    if (state.feeder != node) continue;
    // The child has to report its exact offset before it can continue from another feeder.
    if (state.phase == NodePhase::receiving) detach(i);
    if (state.phase == NodePhase::moving) state.feeder.reset();
  }
  changed_states_ = true;
  look();
  for (auto& other : members_) other.candidate.news->notify_all();
}

void Share::note_upload(std::size_t node, std::uint64_t position, std::unique_ptr<PushStream> whole) {
  if (whole && !whole_) {
    whole_ = std::move(whole);
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (members_[i].state.phase != NodePhase::joining) order(i, size_text());
      if (members_[i].state.phase == NodePhase::waiting && members_[i].state.offset == bytes())
        members_[i].state.phase = NodePhase::committing;
    }
  } else if (whole_) {
    order(node, size_text());  // its script compares the size with the bytes that arrived since
  }
  if (is_getting(members_[node])) take_offset(node, position);
}

std::string Share::size_text() const {
  return fmt::format("know_size {}", bytes());
}

// --- decisions ---

void Share::look() {
  const auto now = Clock::now();
  if (!changed_states_ && now - looked_ < kBetweenLooks) return;
  changed_states_ = false;
  looked_ = now;
  update_states(now);
  std::vector<NodeState> states;
  for (const auto& member : members_) states.push_back(member.state);
  auto rules = rules_;
  rules.try_second_upload = is_upload_slow(now);
  for (const auto& [node, feeder] : next_feeders(states, rules)) point(node, feeder);
}

/// Times are counted up to the last word of any node: while the uplink is away, no node stands still.
void Share::update_states(Clock::time_point now) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  auto heard = Clock::time_point::min();
  for (const auto& member : members_) heard = std::max(heard, member.heard);
  for (auto& member : members_) {
    auto& state = member.state;
    const auto still = heard - std::max(member.grew, member.fed);
    state.still = std::max(milliseconds(), duration_cast<milliseconds>(still));
    state.fed = duration_cast<milliseconds>(now - member.fed);
    auto& history = member.history;
    history.emplace_back(now, state.offset);
    while (history.size() > 1 && history[1].first <= now - kToMeasure) history.pop_front();
    state.earlier = member.offset_at(now - kStill);
  }
}

/// 0 if that is not known.
std::uint64_t Share::Member::offset_at(Clock::time_point time) const {
  std::uint64_t offset = 0;
  for (const auto& [when, bytes] : history) {
    if (when <= time) offset = bytes;
  }
  return offset;
}

/// One upload is under way, and at its pace it will take long.
bool Share::is_upload_slow(Clock::time_point now) {
  if (whole_ || now < next_try_ || members_.size() < 2) return false;
  for (const auto& member : members_) {
    const auto& state = member.state;
    if (state.phase != NodePhase::receiving || state.feeder != kLaptop) continue;
    const auto before = member.offset_at(now - kToMeasure);
    if (state.fed < kToMeasure || before == 0 || state.offset >= expected()) return false;
    const auto rate = static_cast<double>(state.offset - before) / static_cast<double>(kToMeasure.count());
    if (static_cast<double>(expected() - state.offset) < rate * kLongUpload) return false;
    // A trial costs some of the uplink, so the pauses grow with the time that the upload has taken.
    next_try_ = now + std::max<Clock::duration>(kBetweenTries, state.fed);
    return true;
  }
  return false;
}

void Share::order(std::size_t node, std::string text) {
  members_[node].orders.push_back(std::move(text));
  members_[node].candidate.news->notify_all();
}

/// A node that receives has to report its offset first; take_offset() then connects it.
void Share::point(std::size_t node, std::size_t feeder) {
  auto& state = members_[node].state;
  if (state.phase == NodePhase::receiving) detach(node);
  state.feeder = feeder;
  if (state.phase == NodePhase::waiting) connect(node);
}

/// Its feeder is `state.feeder`, and nothing is on its way to it.
void Share::connect(std::size_t node) {
  auto& member = members_[node];
  member.state.phase = NodePhase::receiving;
  member.source = *member.state.feeder;
  member.fed = member.grew = Clock::now();
  member.began_at = member.state.offset;
  member.from_nodes_before = member.from_nodes;
  ++member.feeding;
  if (*member.state.feeder == kLaptop) {
    member.candidate.news->notify_all();
    return;
  }
  const auto& from = members_[*member.state.feeder].candidate;
  order(node,
        fmt::format("fetch {} {}", member.feeding,
                    quote_words({from.address, std::to_string(from.node.port == 0 ? 22 : from.node.port),
                                 from.node.user, follow_command(from.stage)})));
}

/// Its feeding is stopped; the node then says how much has arrived.
void Share::detach(std::size_t node) {
  auto& member = members_[node];
  member.state.phase = NodePhase::moving;
  if (member.state.feeder == kLaptop) {
    member.candidate.news->notify_all();
    return;
  }
  order(node, fmt::format("drop_feeder {}", member.feeding));
}

// --- orders ---

std::string Share::take_order(std::size_t node) {
  auto& orders = members_[node].orders;
  std::string text;
  for (const auto& one : std::exchange(orders, {})) text += (text.empty() ? "" : "\n") + one;
  return text;
}

bool Share::wants_upload(std::size_t node) const {
  const auto& state = members_[node].state;
  return state.phase == NodePhase::receiving && state.feeder == kLaptop;
}

bool Share::has_all(std::size_t node) const {
  const auto phase = members_[node].state.phase;
  return phase == NodePhase::committing || phase == NodePhase::done;
}

/// Only with --relay always; otherwise the laptop serves such a node.
std::string Share::why_out_of_reach(std::size_t node) const {
  const auto& member = members_[node];
  if (rules_.laptop_serves_all || member.state.phase != NodePhase::waiting) return {};
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const auto& other = members_[i].state;
    if (i != node && other.stores && !member.state.unreachable.contains(i)) return {};
  }
  return member.unlinked;
}

bool Share::is_in_use(std::size_t but) const {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    // NodePhase has done and failed at its end.
    if (i != but && members_[i].state.phase < NodePhase::done) return true;
  }
  return false;
}

bool Share::is_open() const {
  return std::any_of(members_.begin(), members_.end(), [](const Member& member) {
    return member.state.stores && member.state.phase != NodePhase::failed;
  });
}

Clock::time_point Share::heard_from_others(std::size_t node) const {
  auto heard = Clock::time_point::min();
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (i != node) heard = std::max(heard, members_[i].heard);
  }
  return heard;
}

}  // namespace ec2mpi::ops
