#include "ec2mpi/fleet/failure_lines.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/fake_transport.hpp"

namespace ec2mpi {
namespace {

/// Nodes that failed with this text, in which {a} and {i} stand for the node's address and id, and {p} for
/// the address in a pattern of sed.
FleetReport failures(const std::string& text, int count = 1000) {
  FleetReport report;
  for (auto& node : test::fake_nodes(count)) {
    std::string pattern;
    for (const char c : node.address) pattern += c == '.' ? "\\." : std::string(1, c);
    auto message = fmt::format(fmt::runtime(text), fmt::arg("a", node.address), fmt::arg("p", pattern),
                               fmt::arg("i", node.instance_id));
    report.results.push_back({std::move(node), Error{ErrorKind::unreachable, std::move(message)}});
  }
  return report;
}

TEST(FailureLines, EqualReasonsAreOneLineWhateverAddressTheyHold) {
  for (const auto& [text, shown] :
       {std::pair("connection refused", "connection refused"),
        std::pair("{a} port 22 cannot be reached: no route to {a}.",
                  "its address port 22 cannot be reached: no route to its address.")}) {
    const auto lines = group_failures(failures(text));
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].reason, shown);
    EXPECT_EQ(lines[0].nodes.size(), 1000U);
  }
}

TEST(FailureLines, AReasonWithAnIdStaysWholeOnceAndTheOthersAreCounted) {
  const auto lines = group_failures(failures("changed; sed -i '/^{i} /d' known_hosts"));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].reason, "changed; sed -i '/^i-00000000000000001 /d' known_hosts");
  EXPECT_EQ(lines[0].nodes, std::vector<int>{1});
  EXPECT_EQ(lines[1].nodes.size(), 999U);
  EXPECT_EQ(group_failures(failures("changed: {i}", 3)).size(), 3U) << "few are shown whole";
}

TEST(FailureLines, ACommandThatHoldsTheAddressStaysWholeOnceAndTheOthersAreCounted) {
  const auto lines = group_failures(failures("changed; sed -i '/^\\[{p}\\]:2222 /d' known_hosts", 100));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].reason, "changed; sed -i '/^\\[203\\.0\\.0\\.2\\]:2222 /d' known_hosts");
  EXPECT_EQ(lines[1].reason, "the same, each with its own name");
  EXPECT_EQ(lines[1].nodes.size(), 99U);
}

TEST(FailureLines, AnAddressInsideOfAnotherWordStays) {
  EXPECT_EQ(group_failures(failures("{a}2 and {a}.example", 2)).size(), 2U);
}

TEST(FailureLines, ANodeThatFailedAloneKeepsItsWords) {
  auto report = failures("{a} is silent", 1);
  const auto address = report.results[0].node.address;
  report.results.push_back({test::fake_nodes(2)[1], ssh::ExitStatus{}});
  report.results.push_back({test::fake_nodes(3)[2], NotRun{"interrupted"}});
  const auto lines = group_failures(report);
  ASSERT_EQ(lines.size(), 2U) << "a node that succeeded is no line";
  EXPECT_EQ(lines[0].reason, address + " is silent");
  EXPECT_EQ(lines[1].reason, "not run: interrupted");
}

}  // namespace
}  // namespace ec2mpi
