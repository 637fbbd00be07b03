// Which nodes share an archive.

#include "src/ops/push/sharing.hpp"

#include <gtest/gtest.h>
#include <asio/io_context.hpp>

namespace ec2mpi::ops {
namespace {

class PushSharing : public ::testing::Test {
 protected:
  std::shared_ptr<Seat> seat(std::vector<std::size_t> items, Unpackers unpackers = {}) {
    needs.push_back(std::make_unique<PushNeed>());
    needs.back()->items = std::move(items);
    for (const auto item : needs.back()->items) needs.back()->bytes += tree->items[item].size;
    return std::make_shared<Seat>(Candidate{
        .node = {}, .address = {}, .stage = {}, .unpackers = unpackers, .need = needs.back().get()});
  }
  void scan(const std::vector<std::uint64_t>& sizes) {
    SourceTree made;
    made.tops.push_back({.path = "d", .name = "d", .directory = true});
    for (const auto size : sizes) made.items.push_back({.top = 0, .relative = {}, .size = size});
    tree = std::make_shared<const SourceTree>(std::move(made));
  }
  std::shared_ptr<Share> share_of(const Seats& seats) {
    return std::make_shared<Share>(tree, content_for(seats), formats_for(*tree, seats, false), FeederRules{},
                                   count);
  }

  std::shared_ptr<const SourceTree> tree;
  std::vector<std::unique_ptr<PushNeed>> needs;
  PushCount count;
};

TEST_F(PushSharing, NodesThatLackTheSameShareAnArchive) {
  scan({1'000'000, 10});
  const auto groups = sharing(*tree, {seat({0, 1}), seat({1}), seat({0, 1}), seat({1})});
  ASSERT_EQ(groups.size(), 2U) << "one additional file is no reason to send the big one to all";
  EXPECT_EQ(groups[0].size() + groups[1].size(), 4U);
}

TEST_F(PushSharing, ManyNodesThatLackOverlappingFilesShareOneArchive) {
  scan({100, 100, 100});
  const auto groups = sharing(*tree, {seat({0, 1}), seat({1, 2}), seat({0, 2})});
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(content_for(groups[0]).items, (std::vector<std::size_t>{0, 1, 2}));
}

TEST_F(PushSharing, ManySmallFilesAreCompressedIfAllCanUnpackThem) {
  scan(std::vector<std::uint64_t>(1000, 500));
  std::vector<std::size_t> all(tree->items.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  const auto able = seat(all, {.gzip = true});
  EXPECT_TRUE(formats_for(*tree, {able}, false).gzip);
  EXPECT_FALSE(formats_for(*tree, {able, seat(all)}, false).gzip);
  scan({500'000, 500'000});
  const auto of_few = seat({0, 1}, {.gzip = true});
  EXPECT_FALSE(formats_for(*tree, {of_few}, false).gzip);
  EXPECT_TRUE(formats_for(*tree, {of_few}, true).gzip);
}

TEST_F(PushSharing, ALateNodeTakesPartInAnArchiveThatHoldsWhatItLacksAndLittleElse) {
  scan({1'000, 1'000, 10});
  const auto share = share_of({seat({0, 1})});
  const auto fits = [&](const std::shared_ptr<Seat>& late) { return suits(*tree, *share, late->candidate); };
  EXPECT_TRUE(fits(seat({0, 1})));
  EXPECT_TRUE(fits(seat({1})));
  EXPECT_FALSE(fits(seat({0, 1, 2}))) << "the archive lacks a file";
  const auto small = share_of({seat({0, 1, 2})});
  EXPECT_FALSE(suits(*tree, *small, seat({2})->candidate)) << "nearly all of it is of no use";
}

TEST_F(PushSharing, ALateNodeThatLacksABeginningThatTheArchiveLeavesOutDoesNotTakePart) {
  scan({1'000});
  const auto first = seat({0});
  needs.back()->kept[0] = 400;
  const auto share = share_of({first});
  EXPECT_EQ(share->content().offsets.at(0), 400U);
  EXPECT_FALSE(suits(*tree, *share, seat({0})->candidate));
  const auto late = seat({0});
  needs.back()->kept[0] = 500;
  EXPECT_TRUE(suits(*tree, *share, late->candidate));
}

TEST_F(PushSharing, ALateNodeThatHoldsMostOfAFileTakesPartInTheArchiveOfTheWholeFile) {
  scan({1'000});
  const auto share = share_of({seat({0})});
  const auto late = seat({0});
  needs.back()->kept[0] = 900;
  needs.back()->bytes = 100;
  EXPECT_TRUE(suits(*tree, *share, late->candidate)) << "the last 100 bytes cross the uplink in any case";
}

TEST_F(PushSharing, ALateNodeThatCannotReadTheFormatDoesNotTakePart) {
  scan({1'000});
  const auto share = share_of({seat({0}, {.holes = true})});
  EXPECT_FALSE(suits(*tree, *share, seat({0})->candidate));
  EXPECT_TRUE(suits(*tree, *share, seat({0}, {.holes = true})->candidate));
}

}  // namespace
}  // namespace ec2mpi::ops
