// Who of the nodes that pass an archive on holds the others up, by what they tell every two seconds.

#include "src/ops/push/pace.hpp"

#include <gtest/gtest.h>
#include <map>
#include <set>
#include <vector>

#include "src/ops/push/relay.hpp"

namespace ec2mpi::ops {
namespace {

using namespace std::chrono_literals;
using std::chrono::duration;

/// Nodes that hand on what comes, as bytes in a second.
class Network {
 public:
  Network(std::size_t size, double uplink) : rates(size, 1e9), has_(size, 0), pace(size, start_) {
    rates[0] = uplink;
  }

  std::vector<double> rates;  ///< at which each gets what its feeder has
  double between = 2e6;       ///< bytes that may lie between two of them

  /// Twenty steps a second; reports every two seconds, each node at a moment of its own.
  void run(Clock::duration time) {
    for (const auto end = now_ + time; now_ < end; now_ += kStep) {
      for (std::size_t i = 0; i < has_.size(); ++i) move(i);
      for (std::size_t i = 0; i < has_.size(); ++i) {
        if ((now_ / kStep + static_cast<std::int64_t>(7 * i)) % 40 == 0) tell(i);
      }
    }
  }
  /// Each has a clock of its own; what it says comes when its network lets it.
  void tell(std::size_t i) {
    pending_[i].emplace_back(bytes(i), now_ + 1000s * i);
    if (now_ < held_up[i]) return;
    for (const auto& [size, told] : pending_[i]) pace.note(i, size, start_ + now_, told);
    pending_[i].clear();
  }
  [[nodiscard]] std::uint64_t bytes(std::size_t i) const { return static_cast<std::uint64_t>(has_[i]); }

  /// "1" for a position that is behind its feeder, "1!" for one whose fed ones are.
  [[nodiscard]] std::string slow() const {
    std::string text;
    for (const auto& found : pace.slow([this](std::size_t i) { return gone.contains(i); }))
      text += (text.empty() ? "" : " ") + std::to_string(found.position) + (found.in_feeding ? "!" : "");
    return text;
  }

  std::set<std::size_t> gone;
  std::map<std::size_t, Clock::duration> held_up;  ///< what it says comes only then

 private:
  static constexpr auto kStep = 50ms;

  void move(std::size_t i) {
    if (gone.contains(i)) return;
    auto more = rates[i] * duration<double>(kStep).count();
    if (i > 0) more = std::min(more, has_[feeder_of(i)] - has_[i]);
    for (const auto fed : fed_by(i, has_.size())) {
      if (!gone.contains(fed)) more = std::min(more, has_[fed] + between - has_[i]);
    }
    has_[i] += std::max(more, 0.0);
  }

  std::vector<double> has_;
  Clock::time_point start_{1h};
  Clock::duration now_{0};
  std::map<std::size_t, std::vector<std::pair<std::uint64_t, Clock::duration>>> pending_;

 public:
  PushPace pace;
};

constexpr double kSlow = 125'000;  // 1 Mbit/s

TEST(PushPace, NobodyIsToBlameForASlowUplink) {
  Network net(16, kSlow);
  for (int i = 0; i < 30; ++i) {
    net.run(2s);
    EXPECT_EQ(net.slow(), "");
  }
}

TEST(PushPace, AnUplinkThatWasCutAndReportsThatComeLateAreNobodysFault) {
  Network net(16, 1e6);
  net.run(10s);
  net.rates[0] = 0;
  net.run(6s);
  net.rates[0] = 1e6;
  for (const std::size_t i : {0U, 2U, 7U}) net.held_up[i] = 30s;
  for (int i = 0; i < 20; ++i) {
    net.run(1s);
    EXPECT_EQ(net.slow(), "");
  }
}

TEST(PushPace, ASlowLeafIsFoundThoughAllGetOnAtItsPace) {
  Network net(8, 12e6);
  net.rates[6] = kSlow;
  net.run(30s);
  EXPECT_LT(net.bytes(0), 12e6) << "it holds up everybody";
  EXPECT_EQ(net.slow(), "6");
  net.gone = {6};
  net.pace.begin_anew();
  net.run(30s);
  EXPECT_EQ(net.slow(), "");
  EXPECT_GT(net.bytes(7), 300e6);
}

TEST(PushPace, ASlowLeafIsFoundWhereTheKernelKeepsLittleForIt) {
  Network net(8, 12e6);
  net.between = 400'000;
  net.rates[6] = 20'000;
  net.run(60s);
  EXPECT_EQ(net.slow(), "6");
}

TEST(PushPace, WhoFeedsSlowlyIsFoundAndNotThoseThatItFeeds) {
  Network net(8, 12e6);
  for (const std::size_t fed : {5U, 6U, 7U}) net.rates[fed] = kSlow / 3;
  net.rates[1] = kSlow;
  net.run(60s);
  EXPECT_EQ(net.slow(), "1!");
}

TEST(PushPace, TheFirstNodeIsFoundIfItFeedsSlowly) {
  Network net(8, 12e6);
  for (const std::size_t fed : {1U, 2U, 3U, 4U}) net.rates[fed] = kSlow / 4;
  net.run(120s);
  EXPECT_EQ(net.slow(), "0!");
}

TEST(PushPace, TheFirstNodeIsFoundThoughWhatItSaysComesLateAndAllAtOnce) {
  Network net(8, kSlow);
  net.run(10s);
  for (const std::size_t fed : {1U, 2U, 3U, 4U}) net.rates[fed] = kSlow / 4;
  net.held_up[0] = 40s;
  net.run(31s);
  EXPECT_EQ(net.slow(), "0!");
}

TEST(PushPace, NobodyIsJudgedBeforeAllAreConnected) {
  Network net(8, 12e6);
  for (const std::size_t fed : {2U, 3U}) net.rates[fed] = 0;
  net.rates[4] = kSlow;
  net.run(20s);
  EXPECT_EQ(net.slow(), "");
  for (const std::size_t fed : {2U, 3U}) net.rates[fed] = 1e9;
  net.run(20s);
  EXPECT_EQ(net.slow(), "4");
}

TEST(PushPace, OfTwoNodesTheSecondIsFound) {
  Network net(2, 12e6);
  net.rates[1] = kSlow;
  net.run(30s);
  EXPECT_EQ(net.slow(), "1");
}

TEST(PushPace, NobodyIsFoundBesideOneThatLagsNearlyAsMuch) {
  const Clock::time_point begun{};
  PushPace pace(3, begun);
  const auto found = [&pace] { return pace.slow([](std::size_t) { return false; }); };
  const auto tell_until = [&](int from, int to) {
    for (int at = from; at <= to; at += 2) {
      const auto now = begun + std::chrono::seconds(at);
      const auto seconds = static_cast<std::uint64_t>(at);
      pace.note(0, 30'000 * seconds, now);
      pace.note(1, 10'000 * seconds, now);
      pace.note(2, 18'000 * seconds, now);
    }
  };
  tell_until(2, 24);
  EXPECT_TRUE(found().empty()) << "288 KB lie in front of the other one, too";
  tell_until(26, 34);
  ASSERT_EQ(found().size(), 1U);
  EXPECT_EQ(found().front().position, 0U);
  EXPECT_TRUE(found().front().in_feeding);
}

TEST(PushPace, NobodyIsFoundBesideOneThatHasMoreThanItsFeederToldOf) {
  const Clock::time_point begun{};
  PushPace pace(3, begun);
  const auto found = [&pace] { return pace.slow([](std::size_t) { return false; }); };
  const auto tell = [&](std::size_t position, std::uint64_t rate, int at) {
    pace.note(position, rate * static_cast<std::uint64_t>(at), begun + std::chrono::seconds(at));
  };
  for (int at = 2; at <= 24; at += 2) {
    if (at <= 14) tell(0, 60'000, at);
    tell(1, 10'000, at);
    tell(2, 58'000, at);
  }
  EXPECT_TRUE(found().empty()) << "the other one may be as far behind";
  tell(0, 60'000, 26);
  tell(1, 10'000, 26);
  tell(2, 58'000, 26);
  ASSERT_EQ(found().size(), 1U);
  EXPECT_EQ(found().front().position, 1U);
}

TEST(PushPace, AMomentOfSlownessIsForgiven) {
  Network net(8, 1e6);
  net.run(10s);
  net.rates[3] = kSlow;
  net.run(5s);
  EXPECT_EQ(net.slow(), "");
  net.rates[3] = 1e9;
  net.run(20s);
  EXPECT_EQ(net.slow(), "");
}

}  // namespace
}  // namespace ec2mpi::ops
