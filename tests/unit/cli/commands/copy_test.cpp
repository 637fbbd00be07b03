// The line that a copy shows while it runs.

#include "src/cli/commands/copy.hpp"

#include <gtest/gtest.h>

#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

TEST(TransferWords, SayHowFarHowFastAndHowLong) {
  using std::chrono::seconds;
  EXPECT_EQ(transfer_words(0, 100, "", seconds(1)), "");
  EXPECT_EQ(transfer_words(10'000'000, 40'000'000, "", seconds(2)),
            "10.0 MB of 40.0 MB · 5.0 MB/s · 6.0 s left");
  EXPECT_EQ(transfer_words(4'000'000, 4'000'000, " over the uplink", seconds(2)),
            "4.0 MB of 4.0 MB over the uplink · 2.0 MB/s");
  EXPECT_EQ(transfer_words(5'000'000, 4'000'000, "", seconds(1)), "5.0 MB of 5.0 MB · 5.0 MB/s") << "it grew";
}

TEST(Copy, APushTellsWhatCrossesTheUplinkAndWhatNodesPassOn) {
  ops::PushCount count;
  EXPECT_EQ(push_words(count, std::chrono::seconds(2)), "");
  count.sent = count.uplink = 10'000'000;
  count.expected = 30'000'000;
  EXPECT_EQ(push_words(count, std::chrono::seconds(2)),
            "10.0 MB of 30.0 MB over the uplink · 5.0 MB/s · 4.0 s left");
  count.inside = 20'000'000;
  count.arrived = {{1, 10'000'000}, {2, 9'900'000}, {7, 3'000'000}};
  EXPECT_EQ(
      push_words(count, std::chrono::seconds(2)),
      "10.0 MB of 30.0 MB over the uplink, 20.0 MB between nodes · 5.0 MB/s · 4.0 s left · slowest: node7 "
      "with 3.0 MB");
  count.arrived.erase(7);
  count.uplink = 2'000'000;
  EXPECT_EQ(push_words(count, std::chrono::seconds(2)),
            "10.0 MB of 30.0 MB, 2.0 MB over the uplink, 20.0 MB between nodes · 5.0 MB/s · 4.0 s left");
}

TEST(Copy, AFullWidthSignAloneIsNoPlace) {
  ::ec2mpi::test::Laptop laptop;
  for (const std::string target : {"\u3002", "\uff0e", "\uff5e/", "\uff0f"})
    EXPECT_NE(laptop.refused({"push", "a", target}).find("' only looks like '"), std::string::npos) << target;
}

TEST(Copy, AHomeThatTheShellWroteHereIsExplained) {
  ::ec2mpi::test::Laptop laptop;
  laptop.write("a", "");
  laptop.nodes[1] = {.door = ::ec2mpi::test::FakeNode::Door::refuses};
  const auto path = (laptop.home() / "a b").string();
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"push", "a", path}, std::vector<std::string>{"pull", path, "out"}}) {
    const auto said = laptop.run_cli(words).err;
    EXPECT_NE(said.find("hint: " + path + " lies in the home of this machine"), std::string::npos) << said;
    EXPECT_NE(said.find("quote it for that of the nodes: '~/a b'\n"), std::string::npos) << said;
  }
  EXPECT_EQ(laptop.run_cli({"push", "a", "elsewhere"}).err.find("hint:"), std::string::npos);
}

TEST(Copy, ATargetThatBeginsWithAHostIsRefusedUnlessItBeginsWithAFolder) {
  ::ec2mpi::test::Laptop laptop(2);
  laptop.write("a", "");
  for (const auto* target :
       {"ip-10-0-0-14:/tmp", "10.0.0.14:x", "ubuntu@52.1.2.3:/tmp/", "s3://b/x", "rsync://x/y"}) {
    const auto said = laptop.refused({"push", "a", target});
    EXPECT_NE(said.find("which is no node of the list; nodes stand behind -w"), std::string::npos) << said;
    EXPECT_NE(said.find(std::string("./") + target), std::string::npos) << said;
    EXPECT_NE(laptop.refused({"pull", "a", target}).find("pull copies to this machine"), std::string::npos);
  }
  EXPECT_NE(
      laptop.refused({"pull", "a", "master:/tmp"}).find("names the host 'master'; to nodes: ec2mpi push"),
      std::string::npos);
  for (const auto* target : {"./ip-10-0-0-14:x", "proj/a:b"}) {
    laptop.run_cli({"push", "a", target});
    EXPECT_FALSE(laptop.seen.connected.empty()) << target;
  }
}

}  // namespace
}  // namespace ec2mpi::cli
