// The summary of a command at 1000 nodes, by the command line.

#include "ec2mpi/cli/views/fleet_view.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/fake_transport.hpp"
#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::FakeNode;
using ::ec2mpi::test::Laptop;

/// A list of addresses only; every second node refuses the connection.
void write_thousand(Laptop& laptop) {
  std::string list;
  for (int i = 1; i <= 1000; ++i) list += fmt::format("10.0.{}.{}\n", i / 250, i % 250 + 1);
  laptop.write(Laptop::kList, list);
  for (int i = 1; i <= 1000; i += 2) laptop.nodes[i] = {.door = FakeNode::Door::refuses};
}

TEST(Summary, AtAThousandNodesIsTwoShortLines) {
  Laptop laptop;
  write_thousand(laptop);
  const auto done = laptop.run_cli({"exec-all", "true"});
  EXPECT_EQ(done.code, 1);
  EXPECT_TRUE(
      done.err.starts_with("node[1,3,5,7,9,11,13,15,…] (500): connection refused\n"
                           "500/1000 nodes ok · failed: node[1,3,5,7,9,11,13,15,…] (500) · "))
      << done.err;
  EXPECT_EQ(std::ranges::count(done.err, '\n'), 2);
}

TEST(Summary, WithVNamesEveryNode) {
  Laptop laptop;
  write_thousand(laptop);
  const auto done = laptop.run_cli({"exec-all", "-v", "true"});
  EXPECT_NE(done.err.find(",995,997,999] (500): connection refused\n"), std::string::npos);
}

TEST(FleetView, NodesInTheOrderOfTheSelectionKeepTheirOwnPhases) {
  asio::io_context loop;
  Console console(loop.get_executor(), ColourChoice::never, [](int, int) {});
  auto nodes = test::fake_nodes(4);
  std::ranges::reverse(nodes);
  FleetView view(console, loop.get_executor(), nodes, {});
  view.on_phase(nodes[0], ssh::Phase::running);
  EXPECT_EQ(view.still_running(), "It may still run on node4.");
}

TEST(Summary, QuietSaysNothingIfAllWentWellAndAllIfNot) {
  Laptop laptop(2);
  EXPECT_EQ(laptop.run_cli({"-q", "exec-all", "true"}).err, "");
  laptop.nodes[2] = {.status = {3, ""}};
  const auto said = laptop.run_cli({"-q", "exec-all", "true"}).err;
  EXPECT_TRUE(said.starts_with("node2: exit 3\n1/2 nodes ok · failed: node2")) << said;
}

TEST(Changes, OfALongListAreTheFirstTheirNumberAndTheLast) {
  Laptop laptop;
  const auto list = [](int last_byte) {
    std::string text = "Name,Instance ID,Public IP\n";
    for (int i = 1; i <= 100; ++i) text += fmt::format("n{0},i-{0:017x},52.0.{0}.{1}\n", i, last_byte);
    return text;
  };
  laptop.write(Laptop::kList, list(1));
  EXPECT_EQ(laptop.run_cli({"nodes"}).err, "");
  laptop.write(Laptop::kList, list(2));
  const auto said = laptop.run_cli({"nodes"}).err;
  EXPECT_EQ(std::ranges::count(said, '\n'), 12) << said;
  EXPECT_NE(said.find("node10 moved from 52.0.10.1 to 52.0.10.2\nec2mpi: … and 89 more changes; ec2mpi nodes "
                      "shows the list\nec2mpi: node100 moved"),
            std::string::npos)
      << said;
}

TEST(JsonLines, AreEventsFromBeginToEndWithEachNodesOutcome) {
  Laptop laptop(2);
  laptop.nodes[1] = {.door = FakeNode::Door::refuses};
  laptop.nodes[2] = {.door = FakeNode::Door::refuses};
  laptop.write("file", "x");
  const auto done = laptop.run_cli({"push", "--json-lines", "file", "./"});
  EXPECT_EQ(done.code, 1);
  std::vector<nlohmann::json> events;
  std::istringstream lines(done.out);
  for (std::string line; std::getline(lines, line);) events.push_back(nlohmann::json::parse(line));
  ASSERT_GE(events.size(), 4U) << done.out;
  EXPECT_EQ(events.front()["event"], "begin");
  EXPECT_EQ(events.front()["schema"], 1);
  EXPECT_EQ(events.front()["nodes"], 2);
  EXPECT_EQ(events.back()["event"], "end");
  EXPECT_EQ(events.back()["failed"], 2);
  EXPECT_EQ(events.back()["exit_code"], 1);
  const auto failures = std::ranges::count_if(events, [](const auto& event) {
    return event["event"] == "node" && event["ok"] == false && event["outcome"] == "connection refused";
  });
  EXPECT_EQ(failures, 2) << done.out;
}

}  // namespace
}  // namespace ec2mpi::cli
