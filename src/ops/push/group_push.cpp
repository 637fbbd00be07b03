#include "src/ops/push/group_push.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "ec2mpi/base/sha256.hpp"
#include "ec2mpi/ops/node/extra_session.hpp"

namespace ec2mpi::ops {

namespace {

/// Additional connections of a whole push: enough for three nodes.
constexpr std::size_t kMostLanes = 3 * kConnectionsToNode;
/// Without relay each node gets an upload of its own. A thousand at once took 2 MB of memory each, and over
/// 10 Mbit/s each moved so little that 110 of 300 nodes were taken for lost; this many fill every uplink.
constexpr std::size_t kMostUploads = 64;

/// How long nodes that lack different files wait for the next one that connects, and for one that is
/// connected: answers arrive one after the other over a slow uplink.
constexpr auto kTimeToConnect = std::chrono::milliseconds(1000);
constexpr auto kTimeToCome = std::chrono::seconds(5);

/// The part of a stage's name that stands for the sources: their absolute paths and their names in
/// the target. NUL ends each of them, so no two lists of sources make the same text.
std::string key_of(const SourceTree& tree, bool as_root) {
  // A push without sudo could not continue from a stage of root.
  std::string sources(as_root ? "root" : "");
  for (const auto& top : tree.tops) {
    std::error_code failed;
    sources +=
        std::filesystem::absolute(top.path, failed).lexically_normal().string() + '\0' + top.name + '\0';
  }
  return sha256(sources).substr(0, 16);
}

/// Such a node need not wait for the lists of other nodes: it gets all of the sources in any case.
bool lacks_all_files(const SourceTree& tree, const PushNeed& need) {
  return need.files == tree.files && need.kept.empty();
}

}  // namespace

PushCommon::PushCommon(const asio::any_io_executor& executor)
    : lanes(kMostLanes), uploads(executor, kMostUploads) {}

GroupPush::GroupPush(const asio::any_io_executor& executor, std::shared_ptr<const PushPlan> push_plan,
                     const PushGroup& group, std::shared_ptr<PushCommon> common_state)
    : plan(std::move(push_plan)),
      tree(group.tree),
      nodes(group.nodes.size()),
      key(key_of(*tree, plan->as_root)),
      count(*plan->count),
      sums(tree),
      writers(group.nodes),
      ended(executor),
      common(std::move(common_state)),
      changed_(executor) {}

/// A file counts once, however many nodes and groups lack it. A removal counts for each node, when the node
/// has told it; in a dry run it is only planned.
void GroupPush::note_need(const PushNeed& need) {
  for (const auto number : need.items) {
    const auto& item = tree->items[number];
    if (item.type == TarType::file && lacked_.insert(number).second)
      count.lacked.insert(tree->path_of(item).string());
  }
  count.files = count.lacked.size();
  count.unchanged = count.all_files - count.files;
  if (plan->dry_run) count.erased += need.erase.size() + need.replace.size();
}

/// Gives 0 as long as other nodes have all of them.
std::size_t GroupPush::take_lanes() {
  const auto lanes = std::min(common->lanes, kConnectionsToNode);
  common->lanes -= lanes;
  return lanes;
}

asio::awaitable<Result<ShareMember>> GroupPush::join(Candidate candidate, Limit limit) {
  if (auto place = find_place(candidate)) co_return std::move(*place);
  const auto seat = std::make_shared<Seat>(std::move(candidate));
  last_ = Clock::now();
  waiting_.push_back(seat);
  changed_.notify_all();
  if (lacks_all_files(*tree, *seat->candidate.need)) {
    form_shares();
  } else if (!std::exchange(forming_, true)) {
    asio::co_spawn(changed_.executor(), form(shared_from_this()), asio::detached);
  }
  while (!seat->place) {
    // The event is that of the delivery, so it may be notified for another reason.
    const Wake wake = co_await seat->candidate.news->wait(limit);
    if (wake == Wake::notified || seat->place) continue;
    // No share is to be made for a node that has given up.
    std::erase(waiting_, seat);
    co_return wake_error(wake, "the push did not begin in time");
  }
  co_return *seat->place;
}

/// One coroutine for all nodes that wait. Each node that comes prolongs the wait (`last_`).
asio::awaitable<void> GroupPush::form(std::shared_ptr<GroupPush> self) {
  const Limit unlimited;
  while (self->some_may_come(self->last_)) {
    const Limit moment = unlimited.at_most(self->last_ + self->patience() - Clock::now());
    co_await self->changed_.wait(moment);
  }
  self->forming_ = false;
  self->form_shares();
}

void GroupPush::form_shares() {
  const auto seats = std::exchange(waiting_, {});
  if (seats.empty()) return;
  for (const auto& group : sharing(*tree, seats)) {
    auto share = make_share(group);
    shares_.push_back(share);
    // For each member, those that are added after it are nodes to come.
    auto to_come = this->to_come() + group.size();
    for (const auto& seat : group) {
      seat->place = ShareMember{share, share->add(seat->candidate, --to_come)};
      seat->candidate.news->notify_all();
    }
  }
}

std::optional<ShareMember> GroupPush::find_place(const Candidate& candidate) {
  for (const auto& share : shares_) {
    if (!share->is_open() || !suits(*tree, *share, candidate)) continue;
    return ShareMember{share, share->add(candidate, to_come())};
  }
  return std::nullopt;
}

std::shared_ptr<Share> GroupPush::make_share(const Seats& seats) const {
  return std::make_shared<Share>(tree, content_for(seats), formats_for(*tree, seats, plan->compress),
                                 FeederRules{.laptop_serves_all = plan->relay != RelayMode::always}, count);
}

ShareMember GroupPush::serve_alone(const Candidate& candidate) const {
  const auto share = make_share({std::make_shared<Seat>(candidate)});
  return {share, share->add(candidate, 0)};
}

void GroupPush::account() {
  --expected_;
  ++accounted_;
  changed_.notify_all();
}

Clock::duration GroupPush::patience() const {
  return expected_ > 0 ? Clock::duration(kTimeToCome) : Clock::duration(kTimeToConnect);
}

bool GroupPush::some_may_come(Clock::time_point since) const {
  return to_come() > 0 && Clock::now() < since + patience();
}

asio::awaitable<void> GroupPush::wait_for_others(Clock::time_point since, Limit limit) {
  while (some_may_come(since)) {
    const Limit moment = limit.at_most(since + patience() - Clock::now());
    const Wake wake = co_await changed_.wait(moment);
    if (wake == Wake::stopped || Clock::now() >= limit.deadline) break;
  }
}

}  // namespace ec2mpi::ops
