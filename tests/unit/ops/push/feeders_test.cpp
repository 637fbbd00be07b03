// The rule of the relay, over thousands of random troubles.

#include "src/ops/push/feeders.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <random>
#include <utility>

namespace ec2mpi::ops {
namespace {

constexpr std::uint64_t kSize = 64'000'000;
constexpr std::uint64_t kRate = 8'000'000;  ///< bytes a second over the uplink
constexpr auto kLook = std::chrono::seconds(1);

/// Nodes as they really are; `states` holds the laptop's knowledge of them. A look takes a second.
struct SimulatedCluster {
  struct Node {
    std::uint64_t rate = 8 * kRate;  ///< of its own link
    int begins = 0;                  ///< look at which it has answered
    int prepares = 0;                ///< looks until its script can receive
    int fails = -1;                  ///< look at which it is lost
    int freezes = -1, thaws = -1;
    bool can_store = true;
    std::set<std::size_t> no_trust = {};  ///< feeders that cannot log in on it
    std::vector<std::uint64_t> offsets = {};
    std::uint64_t arrived = 0;
  };

  explicit SimulatedCluster(std::size_t size) : nodes(size), states(size) {
    for (auto& state : states) state.phase = NodePhase::failed;
  }

  void join(std::size_t i) {
    std::vector<NodeState> present;
    std::size_t to_come = 0;
    for (std::size_t j = 0; j < nodes.size(); ++j) {
      if (joined.contains(j)) present.push_back(states[j]);
      if (!joined.contains(j) && j != i) ++to_come;
    }
    states[i].phase = NodePhase::joining;
    states[i].stores = nodes[i].can_store && must_store(present, to_come);
    joined.insert(i);
  }

  /// A node that gets another feeder must answer first.
  void look() {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (!joined.contains(i) && now >= nodes[i].begins) join(i);
      if (states[i].phase == NodePhase::joining && now >= nodes[i].begins + nodes[i].prepares)
        states[i].phase = NodePhase::waiting;
      if (nodes[i].fails == now) states[i].phase = NodePhase::failed;
      if (states[i].phase == NodePhase::moving && !frozen(i)) wait(states[i]);
    }
    for (auto& state : states) {
      const bool lost =
          state.feeder && *state.feeder != kLaptop && states[*state.feeder].phase == NodePhase::failed;
      if (state.phase == NodePhase::receiving && lost) wait(state);
    }
    for (int again = 0; again < 3; ++again) {  // a link that cannot be made is reported at once
      for (const auto& [node, feeder] : next_feeders(states, rules)) {
        auto& state = states[node];
        if (feeder != kLaptop && nodes[node].no_trust.contains(feeder)) {
          state.unreachable.insert(feeder);
          wait(state);
          continue;
        }
        if (feeder != kLaptop) {
          EXPECT_TRUE(states[feeder].stores);
          EXPECT_GE(states[feeder].offset, state.offset) << "a feeder has the bytes that it must send";
        }
        const bool stuck = state.phase == NodePhase::receiving && frozen(node);
        state.phase = stuck ? NodePhase::moving : NodePhase::receiving;
        state.feeder = feeder;
        state.still = state.fed = {};
      }
    }
    move();
    ++now;
  }

  static void wait(NodeState& state) {
    state.phase = NodePhase::waiting;
    state.feeder.reset();
  }
  [[nodiscard]] bool frozen(std::size_t i) const { return now >= nodes[i].freezes && now < nodes[i].thaws; }

  void move() {
    const auto uploads =
        static_cast<std::uint64_t>(std::count_if(states.begin(), states.end(), [](const NodeState& state) {
          return state.phase == NodePhase::receiving && state.feeder == kLaptop && state.still < kStill;
        }));
    const auto before = nodes;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      auto& state = states[i];
      if (state.phase == NodePhase::receiving || state.phase == NodePhase::committing) {
        const auto more = bytes_to(i, before, std::max<std::uint64_t>(uploads, 1));
        nodes[i].arrived += more;
        if (state.phase == NodePhase::receiving) take(i, more);
        if (nodes[i].arrived == kSize) state.phase = NodePhase::done;
      }
      nodes[i].offsets.push_back(state.offset);
      const auto& offsets = nodes[i].offsets;
      state.earlier = offsets.size() > 3 ? offsets[offsets.size() - 4] : 0;
    }
  }

  /// The node reports its offset. An upload ends for the laptop when its last bytes are on their way.
  void take(std::size_t i, std::uint64_t more) {
    auto& state = states[i];
    const auto old = std::exchange(state.offset, nodes[i].arrived);
    state.still = more > 0 ? std::chrono::milliseconds() : state.still + kLook;
    state.fed += kLook;
    if (state.feeder != kLaptop) return;
    if (state.offset + on_its_way >= kSize) {
      state.offset = kSize;
      state.phase = NodePhase::committing;
    }
    uplink += state.offset - old;
  }

  [[nodiscard]] std::uint64_t bytes_to(std::size_t i, const std::vector<Node>& before,
                                       std::uint64_t uploads) const {
    const auto feeder = *states[i].feeder;
    const bool up = feeder == kLaptop;
    const auto there = up ? kSize : before[feeder].arrived;
    const auto arrived = before[i].arrived;
    if (there <= arrived || frozen(i) || (!up && frozen(feeder))) return 0;
    const auto rate = std::min(nodes[i].rate, up ? kRate / uploads : nodes[feeder].rate);
    return std::min(rate, there - arrived);
  }

  [[nodiscard]] bool ended() const {
    return joined.size() == nodes.size() &&
           std::all_of(states.begin(), states.end(), [](const NodeState& state) {
             return state.phase == NodePhase::done || state.phase == NodePhase::failed;
           });
  }
  int run(int looks) {
    while (now < looks && !ended()) look();
    return now;
  }
  [[nodiscard]] double copies() const { return static_cast<double>(uplink) / static_cast<double>(kSize); }

  std::vector<Node> nodes;
  std::vector<NodeState> states;
  std::set<std::size_t> joined;
  FeederRules rules;
  std::uint64_t uplink = 0;
  std::uint64_t on_its_way = 0;  ///< bytes of an upload that the kernel and the network hold
  int now = 0;
};

TEST(NextFeeders, TheUplinkCarriesTheArchiveOnce) {
  for (const std::size_t size : {1U, 2U, 3U, 5U, 8U, 100U, 300U}) {
    SimulatedCluster cluster(size);
    EXPECT_LE(cluster.run(100), 8 + 8) << size;
    EXPECT_TRUE(cluster.ended()) << size;
    EXPECT_EQ(cluster.uplink, kSize) << size;
  }
}

TEST(NextFeeders, MostNodesStoreNothingAndNoNodeFeedsMoreThanItsPlaces) {
  SimulatedCluster cluster(100);
  cluster.look();
  std::vector<std::size_t> children(100, 0);
  for (const auto& state : cluster.states) {
    if (state.feeder && *state.feeder != kLaptop) ++children[*state.feeder];
  }
  EXPECT_LE(*std::max_element(children.begin(), children.end()), kMostChildren);
  EXPECT_LE(std::count_if(cluster.states.begin(), cluster.states.end(),
                          [](const NodeState& state) { return state.stores; }),
            35);
}

TEST(NextFeeders, ASlowNodeDelaysNoOtherNode) {
  for (std::size_t slow = 1; slow < 8; ++slow) {
    SimulatedCluster cluster(8);
    cluster.nodes[slow].rate = kRate / 20;
    cluster.run(18);
    for (std::size_t i = 0; i < 8; ++i) {
      if (i == slow) continue;
      EXPECT_EQ(cluster.states[i].phase, NodePhase::done) << i << " beside " << slow;
    }
    cluster.run(1000);
    EXPECT_TRUE(cluster.ended());
    EXPECT_EQ(cluster.uplink, kSize) << slow;
  }
}

TEST(NextFeeders, ChildrenOfALostNodeContinueAtTheirOffset) {
  for (std::size_t lost = 1; lost < 8; ++lost) {
    SimulatedCluster cluster(8);
    cluster.nodes[lost].fails = 4;
    cluster.run(100);
    EXPECT_TRUE(cluster.ended());
    EXPECT_EQ(cluster.uplink, kSize) << lost;
  }
}

TEST(NextFeeders, IfTheFirstNodeIsLostOrFreezesAnotherOneGetsTheRestFromTheLaptop) {
  for (const bool lost : {false, true}) {
    SimulatedCluster cluster(8);
    (lost ? cluster.nodes[0].fails : cluster.nodes[0].freezes) = 3;
    cluster.nodes[0].thaws = lost ? -1 : 9999;
    cluster.run(100);
    for (std::size_t i = 1; i < 8; ++i) EXPECT_EQ(cluster.states[i].phase, NodePhase::done) << i;
    EXPECT_LE(cluster.copies(), 1.3);
  }
}

TEST(NextFeeders, ASecondUploadTakesTheRoleOfASlowOne) {
  SimulatedCluster cluster(8);
  cluster.nodes[0].rate = kRate / 50;
  cluster.run(5);
  cluster.rules.try_second_upload = true;
  cluster.look();
  cluster.rules.try_second_upload = false;
  cluster.run(30);
  for (std::size_t i = 1; i < 8; ++i) EXPECT_EQ(cluster.states[i].phase, NodePhase::done) << i;
  cluster.run(1000);
  EXPECT_TRUE(cluster.ended());
  EXPECT_LE(cluster.copies(), 1.05);
}

/// Both share the same slow uplink, so one of them is enough.
TEST(NextFeeders, ASecondUploadThatIsNotFasterEndsSoon) {
  SimulatedCluster cluster(8);
  cluster.run(2);
  cluster.rules.try_second_upload = true;
  cluster.look();
  cluster.rules.try_second_upload = false;
  cluster.run(100);
  EXPECT_TRUE(cluster.ended());
  EXPECT_LE(cluster.copies(), 1.5);
}

/// The laptop would have to feed that node, too.
TEST(NextFeeders, ALeafWaitsForANodeThatHoldsTheArchiveAndIsJoining) {
  std::vector<NodeState> states(2);
  states[0].phase = NodePhase::joining;
  states[1].stores = false;
  EXPECT_EQ(next_feeders(states, {}), std::vector<Repoint>{});
  states[0].phase = NodePhase::waiting;
  const std::vector<Repoint> both{{0, kLaptop}, {1, 0}};
  EXPECT_EQ(next_feeders(states, {}), both);
}

TEST(NextFeeders, ALateNodeJoinsAtItsBeginning) {
  SimulatedCluster cluster(8);
  cluster.nodes[5].begins = 30;
  cluster.run(100);
  EXPECT_TRUE(cluster.ended());
  EXPECT_EQ(cluster.uplink, kSize);
}

/// The laptop has sent all to the first node, from which the others wait for bytes, as the uplink is slow.
TEST(NextFeeders, ANodeThatBeginsWhileTheLastBytesAreOnTheirWayGetsAllFromAnotherOne) {
  for (const std::size_t size : {3U, 6U, 12U}) {
    for (std::size_t late = 1; late < size; ++late) {
      SimulatedCluster cluster(size);
      cluster.on_its_way = kSize;
      cluster.nodes[late].prepares = 5;
      cluster.run(100);
      EXPECT_TRUE(cluster.ended());
      EXPECT_EQ(cluster.uplink, kSize) << size << " nodes, late " << late;
    }
  }
}

TEST(NextFeeders, ANodeThatNoOtherNodeReachesWaitsForTheLaptopOnlyIfThatServesAll) {
  for (const bool all : {true, false}) {
    SimulatedCluster cluster(3);
    cluster.rules.laptop_serves_all = all;
    cluster.nodes[2].no_trust = {0, 1};
    cluster.run(50);
    EXPECT_EQ(cluster.states[2].phase, all ? NodePhase::done : NodePhase::waiting);
    EXPECT_EQ(cluster.states[1].phase, NodePhase::done);
  }
}

/// Every node that stays alive ends whole. The uplink carries the archive once, and once more at most for
/// each node that has a trouble of its own.
TEST(NextFeeders, EveryLiveNodeEndsWholeWhateverFails) {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    SimulatedCluster cluster(1 + below(12));
    cluster.on_its_way = seed % 2 == 0 ? 0 : below(kSize);
    std::size_t troubled = 0;
    std::vector<bool> well;
    for (auto& node : cluster.nodes) {
      const auto trouble = below(14);
      troubled += trouble < 6 ? 1 : 0;
      well.push_back(trouble >= 6);
      if (trouble == 0) node.fails = 1 + static_cast<int>(below(20));
      if (trouble == 1) {
        node.freezes = static_cast<int>(below(10));
        node.thaws = node.freezes + 1 + static_cast<int>(below(60));
      }
      if (trouble == 2) node.rate = kRate / (2 + below(10));
      if (trouble == 3) node.begins = static_cast<int>(below(40));
      node.prepares = static_cast<int>(below(4));
      if (trouble == 4) node.can_store = false;
      if (trouble == 5) node.no_trust = {below(cluster.nodes.size()), below(cluster.nodes.size())};
    }
    cluster.run(3000);
    for (std::size_t i = 0; i < cluster.nodes.size(); ++i) {
      if (cluster.states[i].phase == NodePhase::failed) continue;
      ASSERT_EQ(cluster.states[i].offset, kSize) << "seed " << seed << " node " << i;
    }
    bool feeder_is_well = false;
    for (std::size_t i = 0; i < cluster.nodes.size(); ++i)
      feeder_is_well = feeder_is_well || (well[i] && cluster.states[i].stores);
    if (!feeder_is_well) troubled = cluster.nodes.size();
    ASSERT_LE(cluster.copies(), 1.0 + static_cast<double>(troubled)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace ec2mpi::ops
