// Who feeds whom, and who shares an archive.

#include "src/ops/push/relay.hpp"

#include <gtest/gtest.h>
#include <asio/io_context.hpp>
#include <set>

namespace ec2mpi::ops {
namespace {

TEST(PushRelay, EveryNodeIsFedOnceAndAThousandAreFiveDeep) {
  for (const std::size_t size : {1U, 2U, 5U, 6U, 16U, 1000U}) {
    std::vector<std::size_t> depth(size, 0);
    std::set<std::size_t> fed;
    for (std::size_t position = 0; position < size; ++position) {
      const auto children = fed_by(position, size);
      EXPECT_LE(children.size(), kFanout);
      for (const auto child : children) {
        EXPECT_TRUE(fed.insert(child).second);
        EXPECT_EQ(feeder_of(child), position);
        depth[child] = depth[position] + 1;
      }
    }
    EXPECT_EQ(fed.size(), size - 1);
    EXPECT_LE(depth.back(), 5U);
  }
}

class PushWave : public ::testing::Test {
 protected:
  std::shared_ptr<Seat> seat(std::vector<std::size_t> items) {
    auto made = std::make_shared<Seat>();
    needs.push_back(std::make_unique<PushNeed>());
    needs.back()->items = std::move(items);
    made->need = needs.back().get();
    made->news = std::make_shared<Event>(loop.get_executor());
    return made;
  }
  SourceTree tree_of(const std::vector<std::uint64_t>& sizes) {
    SourceTree tree;
    tree.tops.push_back({.path = "d", .name = "d", .directory = true});
    for (const auto size : sizes) tree.items.push_back({.top = 0, .relative = {}, .size = size});
    return tree;
  }

  /// Eight nodes, of which these get nothing more from now on, for half a minute.
  std::shared_ptr<Wave> wave_with_slow(const std::set<std::size_t>& slow) {
    auto wave = std::make_shared<Wave>();
    const Clock::time_point began{std::chrono::hours(1)};
    wave->pace.emplace(8, began);
    for (std::size_t i = 0; i < 8; ++i) {
      wave->seats.push_back(seat({}));
      wave->seats[i]->position = i;
      wave->seats[i]->node.index = static_cast<int>(i) + 1;
    }
    for (int seconds = 2; seconds <= 30; seconds += 2) {
      const auto told = static_cast<std::uint64_t>(seconds);
      for (std::size_t i = 0; i < 8; ++i)
        wave->pace->note(i, slow.contains(i) ? 1000 + told : told * 100'000,
                         began + std::chrono::seconds(seconds));
    }
    return wave;
  }
  static std::vector<std::size_t> moved(const Wave& wave) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < wave.seats.size(); ++i) {
      if (wave.seats[i]->moved && !wave.seats[i]->orphaned.empty()) found.push_back(i);
    }
    return found;
  }

  asio::io_context loop;
  std::vector<std::unique_ptr<PushNeed>> needs;
};

TEST_F(PushWave, NodesThatLackTheSameShareAnArchive) {
  const auto groups = sharing(tree_of({1'000'000, 10}), {seat({0, 1}), seat({1}), seat({0, 1}), seat({1})});
  ASSERT_EQ(groups.size(), 2U) << "one file more is no reason to send the big one to all";
  EXPECT_EQ(groups[0].size() + groups[1].size(), 4U);
}

TEST_F(PushWave, ManyNodesThatLackOverlappingFilesShareOneArchive) {
  const auto groups = sharing(tree_of({100, 100, 100}), {seat({0, 1}), seat({1, 2}), seat({0, 2})});
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(content_for(groups[0]).items, (std::vector<std::size_t>{0, 1, 2}));
}

TEST_F(PushWave, ManySmallFilesAreCompressedIfAllCanUnpackThem) {
  const std::vector<std::uint64_t> small(1000, 500);
  const auto many = std::make_shared<const SourceTree>(tree_of(small));
  const auto few = std::make_shared<const SourceTree>(tree_of({500'000, 500'000}));
  std::vector<std::size_t> all(small.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  const auto able = seat(all);
  able->unpackers.gzip = true;
  EXPECT_TRUE(stream_for(many, {able}, false)->compressed());
  EXPECT_FALSE(stream_for(many, {able, seat(all)}, false)->compressed());
  const auto of_few = seat({0, 1});
  of_few->unpackers.gzip = true;
  EXPECT_FALSE(stream_for(few, {of_few}, false)->compressed());
  EXPECT_TRUE(stream_for(few, {of_few}, true)->compressed());
}

TEST_F(PushWave, TheNodesBelowALostNodeLearnItAndItsFeederDropsIt) {
  const auto wave = std::make_shared<Wave>();
  for (std::size_t i = 0; i < 22; ++i) {
    wave->seats.push_back(seat({}));
    wave->seats[i]->position = i;
    wave->seats[i]->wave = wave;
  }
  wave->seats[5]->finished = true;
  Relay::lost(*wave->seats[1], "gone");
  EXPECT_EQ(wave->seats[0]->drop, std::vector<std::size_t>{1});
  std::set<std::size_t> orphans;
  for (std::size_t i = 0; i < 22; ++i) {
    if (!wave->seats[i]->orphaned.empty()) orphans.insert(i);
  }
  EXPECT_EQ(orphans, (std::set<std::size_t>{6, 7, 8})) << "who has all of it needs nobody";
  for (auto& sitting : wave->seats) sitting->wave.reset();
}

TEST_F(PushWave, ASlowNodeIsCutOffWithThoseThatItFeedsAndOnlyItContinuesAlone) {
  Relay relay(loop.get_executor(), nullptr, 8, false, Clock::now());
  const auto wave = wave_with_slow({1});
  EXPECT_EQ(relay.relieve(*wave), std::vector<std::string>{"node2"});
  EXPECT_EQ(moved(*wave), (std::vector<std::size_t>{1, 5, 6, 7}));
  EXPECT_TRUE(wave->seats[1]->slow);
  EXPECT_FALSE(wave->seats[5]->slow);
  EXPECT_EQ(wave->seats[0]->drop, std::vector<std::size_t>{1});
  EXPECT_FALSE(wave->first_slow);
  EXPECT_TRUE(relay.relieve(*wave).empty()) << "once is enough";
}

TEST_F(PushWave, IfTheFirstFeedsSlowlyAllOthersLeaveIt) {
  Relay relay(loop.get_executor(), nullptr, 8, false, Clock::now());
  const auto wave = wave_with_slow({1, 2, 3, 4, 5, 6, 7});
  EXPECT_EQ(relay.relieve(*wave), std::vector<std::string>{"node1"});
  EXPECT_TRUE(wave->first_slow) << "who waits for its end waits for others now";
  EXPECT_EQ(moved(*wave).size(), 7U);
  EXPECT_EQ(wave->seats[0]->drop, (std::vector<std::size_t>{1, 2, 3, 4}));
  for (const auto& sitting : wave->seats) EXPECT_FALSE(sitting->slow);
}

TEST_F(PushWave, ANodeThatWasTooSlowWaitsOnlyWhileOthersShareTheUplink) {
  Relay relay(loop.get_executor(), nullptr, 8, false, Clock::now());
  const auto wave = wave_with_slow({1});
  static_cast<void>(relay.relieve(*wave));
  EXPECT_TRUE(gets_on(*wave));
  for (const std::size_t i : {2U, 3U}) wave->seats[i]->finished = true;
  EXPECT_TRUE(gets_on(*wave));
  Relay::cut_off(*wave, 4, "lost");
  EXPECT_FALSE(gets_on(*wave)) << "the first one is alone in it";
  const auto other = wave_with_slow({1, 2, 3, 4, 5, 6, 7});
  static_cast<void>(relay.relieve(*other));
  EXPECT_FALSE(gets_on(*other));
}

TEST_F(PushWave, WhereManySeemSlowOnlySomeAreTakenOut) {
  Relay relay(loop.get_executor(), nullptr, 8, false, Clock::now());
  const auto wave = wave_with_slow({2, 3, 4, 5});
  EXPECT_EQ(relay.relieve(*wave).size(), 3U);
  EXPECT_EQ(moved(*wave).size(), 3U);
}

}  // namespace
}  // namespace ec2mpi::ops
