// Checksums of what a push might send.

#include "src/ops/push/file_sums.hpp"

#include <gtest/gtest.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <fstream>

#include "ec2mpi/base/sha256.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

class FileSumsTest : public testing::Test {
 protected:
  void add(const char* name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    tree_->tops.push_back({.path = folder_ / name, .name = name});
    tree_->items.push_back({.top = tree_->tops.size() - 1, .relative = {}, .size = text.size()});
  }
  asio::awaitable<void> ask(FileSums* sums, std::size_t item, std::uint64_t bytes, Limit limit) {
    auto sum = co_await sums->of(item, bytes, limit);
    told.push_back(sum ? std::move(*sum) : std::string(kind_name(sum.error().kind)));
  }
  void spawn(FileSums& sums, std::size_t item, std::uint64_t bytes, Limit limit = {}) {
    asio::co_spawn(loop, ask(&sums, item, bytes, std::move(limit)), asio::detached);
  }
  /// Work that comes up again and again, until all have been told.
  void other_work(std::size_t until) {
    ++turns;
    if (told.size() < until) asio::post(loop, [this, until] { other_work(until); });
  }

  test::ScratchFolder folder_;
  std::shared_ptr<SourceTree> tree_ = std::make_shared<SourceTree>();
  asio::io_context loop{1};
  std::vector<std::string> told;
  int turns = 0;
};

TEST_F(FileSumsTest, OtherWorkGetsItsTurnWhileABigFileIsRead) {
  const std::string big(20'000'000, 'x');
  add("big", big);
  FileSums sums(tree_);
  spawn(sums, 0, big.size());
  asio::post(loop, [this] { other_work(1); });
  loop.run();
  EXPECT_EQ(told, std::vector<std::string>{sha256(big)});
  EXPECT_GE(turns, 15);
}

TEST_F(FileSumsTest, AFileIsReadOnceForAllWhoAskMeanwhile) {
  const std::string big(5'000'000, 'x');
  add("big", big);
  FileSums sums(tree_);
  for (int i = 0; i < 3; ++i) spawn(sums, 0, big.size());
  loop.poll_one();
  std::ofstream(folder_ / "big", std::ios::binary)
      << std::string(5'000'000, 'y');  // who begins now reads this
  loop.run();
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[0], told[1]);
  EXPECT_EQ(told[0], told[2]);
  EXPECT_EQ(sums.known(0, big.size()), told[0]);
}

TEST_F(FileSumsTest, AnAskerThatIsStoppedGivesUpAndTheOthersReadOn) {
  const std::string big(20'000'000, 'x');
  add("big", big);
  FileSums sums(tree_);
  std::stop_source stop;
  spawn(sums, 0, big.size(), {.deadline = Clock::time_point::max(), .stop = stop.get_token()});
  spawn(sums, 0, big.size());
  loop.poll_one();
  stop.request_stop();
  loop.run();
  EXPECT_EQ(told, (std::vector<std::string>{"cancelled", sha256(big)}));
}

TEST_F(FileSumsTest, OnlyTheBeginningIfThatIsWantedAndWhatCannotBeReadHasNoSum) {
  add("file", "beginning and rest");
  add("empty", "");
  add("gone", "x");
  std::filesystem::remove(folder_ / "gone");
  FileSums sums(tree_);
  for (const auto& [item, bytes] : {std::pair{0, 9}, {0, 100}, {1, 0}, {2, 1}}) {
    spawn(sums, static_cast<std::size_t>(item), static_cast<std::uint64_t>(bytes));
    loop.run();
    loop.restart();
  }
  EXPECT_EQ(told, (std::vector<std::string>{sha256("beginning"), "unreadable", sha256(""), "unreadable"}));
  EXPECT_EQ(sums.known(0, 10), "");
}

}  // namespace
}  // namespace ec2mpi::ops
