// One archive and its nodes: the orders that their scripts get.

#include "src/ops/push/share.hpp"

#include <gtest/gtest.h>
#include <asio/io_context.hpp>

namespace ec2mpi::ops {
namespace {

class PushShare : public ::testing::Test {
 protected:
  void SetUp() override {
    tree.tops.push_back({.path = "d", .name = "d", .directory = true});
    tree.items.push_back({.top = 0, .relative = {}, .size = 64'000'000});
    share = std::make_shared<Share>(std::make_shared<const SourceTree>(tree), PushContent{.items = {0}},
                                    Unpackers{}, FeederRules{.laptop_serves_all = serves_all}, count);
    for (std::size_t i = 0; i < 8; ++i) {
      Node node;
      node.index = static_cast<int>(i) + 1;
      const Candidate candidate{.node = node,
                                .address = "10.0.0." + std::to_string(i + 1),
                                .stage = "stage" + std::to_string(i + 1),
                                .room = 1'000'000'000,
                                .need = &need,
                                .news = std::make_shared<Event>(loop.get_executor())};
      EXPECT_EQ(share->add(candidate, 7 - i), i);
      share->begin(i);
    }
  }
  /// The number of the node that it is told to fetch from, or 0.
  int fetches_from(std::size_t node) {
    const auto text = share->take_order(node);
    const auto at = text.find(" 10.0.0.");
    return text.starts_with("fetch ") || text.find("\nfetch ") != std::string::npos ? text[at + 8] - '0' : 0;
  }

  asio::io_context loop;
  SourceTree tree;
  PushNeed need;
  PushCount count;
  bool serves_all = true;
  std::shared_ptr<Share> share;
};

TEST_F(PushShare, TheFirstNodeGetsAnUploadAndEveryOtherNodeAFeeder) {
  EXPECT_TRUE(share->wants_upload(0));
  EXPECT_TRUE(share->stores(0));
  for (std::size_t i = 1; i < 8; ++i) {
    EXPECT_FALSE(share->wants_upload(i));
    const auto feeder = fetches_from(i);
    EXPECT_GT(feeder, 0) << i;
    EXPECT_TRUE(share->stores(static_cast<std::size_t>(feeder) - 1)) << i;
  }
  EXPECT_FALSE(share->stores(1)) << "most nodes hold no archive";
}

TEST_F(PushShare, ANodeWhoseFeederIsLostIsDroppedAndContinuesElsewhereFromItsOffset) {
  const auto feeder = static_cast<std::size_t>(fetches_from(1)) - 1;
  ASSERT_EQ(feeder, 0U);
  for (std::size_t i = 2; i < 8; ++i) static_cast<void>(share->take_order(i));
  share->note_gone(0);
  EXPECT_EQ(share->take_order(1), "drop_feeder 1");
  share->note_end(3, "1 3000000 Connection closed");
  EXPECT_TRUE(share->wants_upload(3)) << "the other node that stores gets the rest from the laptop";
  EXPECT_EQ(share->upload_from(3), 3'000'000U);
  share->note_end(1, "1 2000000 Killed");
  EXPECT_EQ(fetches_from(1), 4);
  EXPECT_EQ(count.note, "") << "a lost node is no reason to complain of its links";
}

TEST_F(PushShare, ANodeThatCannotReachItsFeederSaysSoAndGetsAnotherOne) {
  const auto feeder = fetches_from(5);
  share->note_end(5, "1 0 Host key verification failed.");
  EXPECT_NE(count.note.find("could not relay to node6: Host key verification failed."), std::string::npos);
  const auto next = fetches_from(5);
  EXPECT_NE(next, 0);
  EXPECT_NE(next, feeder);
}

TEST_F(PushShare, AReportOfAnEarlierFeedingChangesNothing) {
  static_cast<void>(share->take_order(5));
  share->note_end(5, "7 1000 ");
  EXPECT_EQ(share->upload_from(5), 0U);
  share->note_end(5, "nonsense");
  EXPECT_EQ(share->take_order(5), "");
}

TEST_F(PushShare, BytesBetweenNodesAreCounted) {
  static_cast<void>(share->take_order(1));
  share->note_progress(1, 500);
  share->note_progress(1, 400);
  share->note_progress(0, 900);
  EXPECT_EQ(count.inside, 500U);
  EXPECT_EQ(count.arrived.at(2), 500U);
  share->note_gone(1);
  EXPECT_EQ(count.inside, 0U);
  EXPECT_FALSE(count.arrived.contains(2));
}

TEST_F(PushShare, WhatAReportSaysTooMuchIsNoByteBetweenNodes) {
  static_cast<void>(share->take_order(1));
  share->note_progress(1, 4270);
  share->note_end(1, "1 0 Connection refused");
  EXPECT_EQ(count.inside, 0U);
  // Of two feedings, the exact bytes of both.
  static_cast<void>(share->take_order(3));
  share->note_progress(3, 5000);
  share->note_end(3, "1 3000 Connection closed");
  share->note_progress(3, 9000);
  share->note_end(3, "2 7000 Connection closed");
  EXPECT_EQ(count.inside, 3000U);
}

TEST_F(PushShare, AnUploadBeginsAtTheExactOffsetWhateverAnOldReportSays) {
  static_cast<void>(share->take_order(3));
  share->note_gone(0);
  share->note_end(3, "1 0 Connection refused");
  ASSERT_TRUE(share->wants_upload(3));
  share->note_progress(3, 4270);
  EXPECT_EQ(share->upload_from(3), 0U);
}

/// The file cannot be opened here, so the archive has only its list.
TEST_F(PushShare, WhenTheUploadHasEndedEveryNodeLearnsTheSize) {
  for (std::size_t i = 0; i < 8; ++i) static_cast<void>(share->take_order(i));
  auto stream = share->open_stream();
  while (!stream->next().empty()) {
  }
  const auto size = stream->size();
  share->note_upload(0, size, std::move(stream));
  EXPECT_TRUE(share->has_all(0));
  EXPECT_EQ(share->take_order(1), "know_size " + std::to_string(size));
  EXPECT_FALSE(share->has_all(1));
  share->note_end(1, "1 " + std::to_string(size) + " ");
  EXPECT_TRUE(share->has_all(1));
  EXPECT_TRUE(share->is_in_use(0));
}

TEST_F(PushShare, ANodeThatGetsALaterUploadLearnsTheSizeBehindIt) {
  auto stream = share->open_stream();
  while (!stream->next().empty()) {
  }
  const auto size = stream->size();
  share->note_upload(0, size, std::move(stream));
  for (const std::size_t gone : {0U, 2U, 3U, 4U, 5U, 6U, 7U}) share->note_gone(gone);
  share->note_end(1, "1 0 Connection closed");
  ASSERT_TRUE(share->wants_upload(1));
  static_cast<void>(share->take_order(1));
  share->note_upload(1, size, nullptr);
  EXPECT_EQ(share->take_order(1), "know_size " + std::to_string(size));
  EXPECT_TRUE(share->has_all(1));
}

}  // namespace
}  // namespace ec2mpi::ops
