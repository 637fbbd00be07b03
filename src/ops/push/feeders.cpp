#include "src/ops/push/feeders.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace ec2mpi::ops {

namespace {

/// One call of next_feeders. Each change counts at once for the nodes that come later, so two nodes
/// never get the last place of one feeder.
class Choice {
 public:
  Choice(const std::vector<NodeState>& nodes, const FeederRules& rules)
      : nodes_(nodes), rules_(rules), feeders_(nodes.size()), children_(nodes.size(), 0) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (is_receiving(i)) set_feeder(i, nodes_[i].feeder);
      if (is_upload(i)) ++uploads_;
      if (!nodes_[i].stores || nodes_[i].phase == NodePhase::failed) continue;
      furthest_ = std::max(furthest_, nodes_[i].earlier);
      if (!is_dead_upload(i)) relays_.push_back(i);
    }
  }

  std::vector<Repoint> take() {
    // A node that gets a feeder here may itself be the feeder of a node behind it.
    for (const auto node : furthest_first()) {
      if (nodes_[node].phase == NodePhase::waiting) give_feeder(node);
      if (nodes_[node].phase == NodePhase::receiving) check_feeder(node);
    }
    if (rules_.try_second_upload && repoints_.empty()) begin_second_upload();
    return std::move(repoints_);
  }

 private:
  [[nodiscard]] bool is_receiving(std::size_t node) const {
    const auto phase = nodes_[node].phase;
    return (phase == NodePhase::receiving || phase == NodePhase::moving) && nodes_[node].feeder;
  }
  [[nodiscard]] bool is_whole(std::size_t node) const {
    return nodes_[node].phase == NodePhase::committing || nodes_[node].phase == NodePhase::done;
  }
  [[nodiscard]] bool stands_still(std::size_t node) const {
    return nodes_[node].phase == NodePhase::receiving && nodes_[node].still >= kStill;
  }
  [[nodiscard]] bool is_dead_upload(std::size_t node) const {
    return stands_still(node) && nodes_[node].feeder == kLaptop && nodes_[node].still >= kDeadUpload;
  }
  /// It is alive, holds the archive, and reaches the node, as far as is known.
  [[nodiscard]] bool can_feed(std::size_t feeder, std::size_t node) const {
    const auto& state = nodes_[feeder];
    return feeder != node && state.stores && state.phase != NodePhase::failed &&
           !nodes_[node].unreachable.contains(feeder) && !is_below(feeder, node);
  }
  /// It has all bytes, or gets them from a feeder.
  [[nodiscard]] bool is_fed(std::size_t node) const { return is_whole(node) || feeders_[node].has_value(); }
  /// The bytes of the node come by way of `above`.
  [[nodiscard]] bool is_below(std::size_t node, std::size_t above) const {
    // The number of steps is limited, so that even a ring of feeders ends the search.
    for (std::size_t steps = 0; steps <= nodes_.size() && node != kLaptop; ++steps) {
      if (node == above) return true;
      if (is_whole(node) || !feeders_[node]) return false;
      node = *feeders_[node];
    }
    return false;
  }

  /// Places with feeders, best first: the furthest ahead, then the one with the fewest children.
  struct Offer {
    std::uint64_t offset = 0;
    std::size_t children = 0;
    std::size_t feeder = 0;
    bool operator<(const Offer& other) const {
      return std::tuple(other.offset, children, feeder) < std::tuple(offset, other.children, other.feeder);
    }
  };
  struct Offers {
    std::size_t places = 0;  ///< children that a feeder may have at most
    std::set<Offer> free = {};
  };

  /// Thousands of nodes may ask in one call, so the feeders are sorted once.
  void prepare_offers() {
    if (has_offers_) return;
    has_offers_ = true;
    for (std::size_t i = 0; i < nodes_.size(); ++i) put_offer(i);
  }
  [[nodiscard]] Offer offer_of(std::size_t feeder) const {
    return {nodes_[feeder].offset, children_[feeder], feeder};
  }
  void put_offer(std::size_t feeder) {
    const auto& state = nodes_[feeder];
    if (!has_offers_ || !state.stores || state.phase == NodePhase::failed || stands_still(feeder) ||
        !is_fed(feeder))
      return;
    for (auto* offers : {&offers_, &offers_in_trouble_})
      if (children_[feeder] < offers->places) offers->free.insert(offer_of(feeder));
  }
  void take_offer(std::size_t feeder) {
    for (auto* offers : {&offers_, &offers_in_trouble_}) offers->free.erase(offer_of(feeder));
  }

  /// `at_least`: bytes that it must have.
  [[nodiscard]] std::optional<std::size_t> best_of(const Offers& offers, std::size_t node,
                                                   std::uint64_t at_least) {
    prepare_offers();
    for (const auto& offer : offers.free) {
      if (offer.offset < at_least) break;
      if (feeders_[node] != offer.feeder && can_feed(offer.feeder, node)) return offer.feeder;
    }
    return std::nullopt;
  }

  /// Of a node that waits. One that has lost a feeder, or would get an upload of its own, takes a place
  /// where another one would not.
  void give_feeder(std::size_t node) {
    const auto offset = nodes_[node].offset;
    auto best = best_of(offers_, node, offset);
    if (!best && (uploads_ == 0 || offset > 0 || !nodes_[node].unreachable.empty()))
      best = best_of(offers_in_trouble_, node, offset);
    if (best) {
      point(node, *best);
    } else if (is_out_of_reach(node) ? rules_.laptop_serves_all
                                     : uploads_ == 0 && !has_better_than_laptop(node)) {
      point(node, kLaptop);
    }
  }

  void check_feeder(std::size_t node) {
    const auto& state = nodes_[node];
    const auto feeder = *feeders_[node];
    std::optional<std::size_t> best;
    if (state.still >= kStill) {
      best = best_of(offers_in_trouble_, node, state.offset + kOnItsWay);
      if (!best && needs_laptop(node)) best = kLaptop;
    } else if (state.fed < kTimeToSettle) {
      return;
    } else if (feeder == kLaptop) {
      best = best_of(offers_in_trouble_, node, state.offset + 1);  // the uplink carries all of it once
    } else if (has_fallen_behind(feeder) && nodes_[feeder].offset <= state.offset + kOnItsWay) {
      best = best_of(offers_in_trouble_, node, nodes_[feeder].offset + kOnItsWay);
    }
    if (best) point(node, *best);
  }

  /// No upload advances, so neither can the feeder of the node. One that has all bytes can; it may be slow to
  /// begin on a loaded machine, and its own delivery finds out if it is lost.
  [[nodiscard]] bool needs_laptop(std::size_t node) const {
    const auto feeder = *feeders_[node];
    return feeder != kLaptop && !is_whole(feeder) && nodes_[node].still >= kDeadUpload && uploads_ == 0 &&
           !has_better_than_laptop(node);
  }

  /// Others had much more kStill ago.
  [[nodiscard]] bool has_fallen_behind(std::size_t feeder) const {
    return !is_whole(feeder) && furthest_ > nodes_[feeder].offset + kOnItsWay;
  }

  /// It has an upload that advances. One that this call has begun counts, though its node stood still until
  /// now.
  [[nodiscard]] bool is_upload(std::size_t node) const {
    return feeders_[node] == kLaptop && (!is_dead_upload(node) || moved_.contains(node));
  }

  /// A node that holds the archive can feed it: one that has all, and gets places free, or one that gets the
  /// upload instead.
  [[nodiscard]] bool has_better_than_laptop(std::size_t node) const {
    return std::ranges::any_of(relays_, [&](std::size_t relay) {
      return (is_whole(relay) || !nodes_[node].stores) && can_feed(relay, node);
    });
  }

  /// There are nodes that hold the archive, and none of them reaches this one.
  [[nodiscard]] bool is_out_of_reach(std::size_t node) const {
    if (nodes_[node].unreachable.empty()) return false;
    bool refused = false;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (can_feed(i, node) && !stands_still(i)) return false;
      refused = refused || (nodes_[node].unreachable.contains(i) && nodes_[i].phase != NodePhase::failed);
    }
    return refused;
  }

  /// To the child that is the furthest ahead of those that can relay its bytes.
  void begin_second_upload() {
    if (uploads_ != 1) return;
    std::optional<std::size_t> best;
    const auto rank = [this](std::size_t i) { return std::tuple(nodes_[i].stores, nodes_[i].offset); };
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].phase != NodePhase::receiving || feeders_[i] == kLaptop) continue;
      if (!best || rank(i) > rank(*best)) best = i;
    }
    if (best) point(*best, kLaptop);
  }

  void set_feeder(std::size_t node, std::optional<std::size_t> feeder) {
    const auto old = std::exchange(feeders_[node], feeder);
    if (old && *old != kLaptop) --children_[*old];
    if (feeder && *feeder != kLaptop) ++children_[*feeder];
  }
  void point(std::size_t node, std::size_t feeder) {
    std::set<std::size_t> concerned = {node, feeder, feeders_[node].value_or(kLaptop)};
    concerned.erase(kLaptop);
    for (const auto each : concerned) take_offer(each);
    uploads_ -= is_upload(node) ? 1 : 0;
    set_feeder(node, feeder);
    moved_.insert(node);
    uploads_ += is_upload(node) ? 1 : 0;
    for (const auto each : concerned) put_offer(each);
    repoints_.push_back({node, feeder});
  }

  [[nodiscard]] std::vector<std::size_t> furthest_first() const {
    std::vector<std::size_t> order(nodes_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
      return std::tuple(nodes_[a].stores, nodes_[a].offset) > std::tuple(nodes_[b].stores, nodes_[b].offset);
    });
    return order;
  }

  const std::vector<NodeState>& nodes_;
  const FeederRules& rules_;
  std::vector<std::optional<std::size_t>> feeders_;  ///< as they are after the changes so far
  std::vector<std::size_t> children_;
  std::uint64_t furthest_ = 0;       ///< bytes that the best of those that can feed had kStill ago
  std::vector<std::size_t> relays_;  ///< those that have the archive, or could relay it
  std::size_t uploads_ = 0;          ///< that advance
  bool has_offers_ = false;
  Offers offers_{kMostChildren};
  Offers offers_in_trouble_{kMostInTrouble};
  std::set<std::size_t> moved_;
  std::vector<Repoint> repoints_;
};

}  // namespace

std::vector<Repoint> next_feeders(const std::vector<NodeState>& nodes, const FeederRules& rules) {
  return Choice(nodes, rules).take();
}

bool must_store(const std::vector<NodeState>& nodes, std::size_t to_come) {
  std::size_t live = 0;
  std::size_t stores = 0;
  for (const auto& node : nodes) {
    if (node.phase == NodePhase::failed) continue;
    ++live;
    stores += node.stores ? 1 : 0;
  }
  if (stores == 0) return to_come > 0;
  // Places of the feeders that the nodes here do not take.
  const auto free = stores * kMostChildren - std::min(live, stores * kMostChildren);
  // The last node stores if all others depend on a single feeder so far.
  return to_come == 0 ? stores == 1 && live > 1 : free <= 1;
}

}  // namespace ec2mpi::ops
