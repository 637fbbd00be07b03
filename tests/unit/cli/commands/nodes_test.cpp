// ips and nodes: their output for a list, and the file nodeIPaddress.

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>

#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::Laptop;
namespace fs = std::filesystem;

constexpr const char* kAddresses = "203.0.113.11\n203.0.113.12\n203.0.113.13\n";

TEST(Ips, PrintsTheAddressesAndWritesThemToNodeIpAddress) {
  Laptop laptop(3);
  const auto done = laptop.run_cli({"ips"});
  EXPECT_EQ(done.out, kAddresses);
  EXPECT_EQ(done.err, "");
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(laptop.read("nodeIPaddress"), kAddresses);
  EXPECT_EQ(fs::status(laptop.folder() / "nodeIPaddress").permissions(), static_cast<fs::perms>(0644));
  EXPECT_EQ(laptop.files(),
            (std::vector<std::string>{".ec2mpi", ".ec2mpi/lists", ".ec2mpi/lists/amazon_instances_info",
                                      "amazon_instances_info", "key.pem", "nodeIPaddress"}));
}

TEST(Ips, TakesTheListAsAnArgumentAndWritesIntoTheWorkingFolder) {
  Laptop laptop;
  fs::create_directory(laptop.folder() / "other");
  laptop.write("other/hosts.txt", "head.example.com\n203.0.113.9\n");
  EXPECT_EQ(laptop.run_cli({"ips", "other/hosts.txt"}).out, "head.example.com\n203.0.113.9\n");
  EXPECT_EQ(laptop.read("nodeIPaddress"), "head.example.com\n203.0.113.9\n");
  EXPECT_FALSE(fs::exists(laptop.folder() / "other/nodeIPaddress"));
}

TEST(Ips, OfStandardInputPrintsWhereItCannotWrite) {
  Laptop laptop;
  fs::create_directory(laptop.folder() / "nodeIPaddress");
  const auto done = laptop.run_cli({"ips", "-"}, {.input = "203.0.113.11\n203.0.113.12\n"});
  EXPECT_EQ(done.out, "203.0.113.11\n203.0.113.12\n");
  EXPECT_EQ(done.code, 0);
  EXPECT_NE(done.err.find("nodeIPaddress"), std::string::npos);
}

TEST(Ips, NamesAMachineThatDoesNotRun) {
  Laptop laptop;
  laptop.write(Laptop::kList, "Name,Public IP,State\na,203.0.113.11,running\nb,203.0.113.12,stopped\n");
  const auto done = laptop.run_cli({"ips"});
  EXPECT_EQ(done.out, "203.0.113.11\n");
  EXPECT_NE(done.err.find(":3: b is left out: stopped"), std::string::npos) << done.err;
}

TEST(Ips, ReplacesTheFileInOneStep) {
  Laptop laptop(3);
  laptop.write("nodeIPaddress", "old\n");
  std::ifstream old(laptop.folder() / "nodeIPaddress");
  EXPECT_EQ(laptop.run_cli({"ips"}).code, 0);
  std::string line;
  std::getline(old, line);
  EXPECT_EQ(line, "old") << "a program that has the old file open keeps all of it";
  EXPECT_EQ(laptop.read("nodeIPaddress"), kAddresses);
}

TEST(Ips, AFailedWriteLeavesTheOldFileAndNoOther) {
  Laptop laptop;
  fs::create_directory(laptop.folder() / "nodeIPaddress");
  laptop.write("nodeIPaddress/in the way", "");
  EXPECT_NE(laptop.refused({"ips"}).find("nodeIPaddress"), std::string::npos);
}

TEST(Ips, ABadListLeavesTheFileAsItWas) {
  Laptop laptop(3);
  laptop.write("nodeIPaddress", "old\n");
  laptop.write(Laptop::kList, laptop.read(Laptop::kList) + "<html>\n");
  laptop.refused({"ips"});
  EXPECT_EQ(laptop.read("nodeIPaddress"), "old\n");
}

TEST(Ips, NodeIpAddressServesAsTheListWhereThereIsNoOther) {
  Laptop laptop(3);
  EXPECT_EQ(laptop.run_cli({"ips"}).code, 0);
  fs::remove(laptop.folder() / Laptop::kList);
  EXPECT_EQ(laptop.run_cli({"ips"}).out, kAddresses);
}

TEST(Ips, ReportsANodeThatStandsTwice) {
  Laptop laptop(3);
  const auto list = laptop.read(Laptop::kList);
  laptop.write(Laptop::kList, list + list.substr(0, list.find('\n') + 1));
  const auto done = laptop.run_cli({"ips"});
  EXPECT_EQ(done.out, kAddresses);
  EXPECT_NE(done.err.find("line 4"), std::string::npos) << done.err;
}

TEST(Nodes, IsATableInTheListsOrder) {
  Laptop laptop(2);
  laptop.time_of_day = std::chrono::sys_days(std::chrono::year(2021) / 6 / 3);
  const auto done = laptop.run_cli({"nodes"});
  EXPECT_EQ(done.err, "");
  EXPECT_EQ(done.out,
            "INDEX  ROLE    NAME  ID                   TYPE       ADDRESS       LAUNCHED                UP\n"
            "1      master  -     i-01aaaaaaaaaaaaaaa  c5n.large  203.0.113.11  2021/06/01 10:00 GMT-7  31 h "
            "00 min\n"
            "2      worker  -     i-02aaaaaaaaaaaaaaa  c5n.large  203.0.113.12  2021/06/01 10:00 GMT-7  31 h "
            "00 min\n");
}

TEST(Nodes, JsonHasAllFields) {
  Laptop laptop(3);
  laptop.time_of_day = std::chrono::sys_days(std::chrono::year(2021) / 6 / 2);
  const auto nodes = nlohmann::json::parse(laptop.run_cli({"nodes", "--json"}).out);
  EXPECT_EQ(nodes.size(), 3U);
  EXPECT_EQ(nodes[1], nlohmann::json({{"index", 2},
                                      {"node", "node2"},
                                      {"role", "worker"},
                                      {"name", ""},
                                      {"id", "i-02aaaaaaaaaaaaaaa"},
                                      {"type", "c5n.large"},
                                      {"address", "203.0.113.12"},
                                      {"public_address", "203.0.113.12"},
                                      {"private_address", ""},
                                      {"ipv6", ""},
                                      {"launched", "2021/06/01 10:00 GMT-7"},
                                      {"up_seconds", 7 * 3600}}));
}

TEST(Nodes, AreReadWhereNothingCanBeWritten) {
  Laptop laptop;
  const auto done = laptop.run_cli({"nodes", "--list", "/proc/sys/kernel/ostype", "--format", "{address}"},
                                   {.variables = {{"XDG_STATE_HOME", "/proc/sys/kernel"}}});
  EXPECT_EQ(done.out, "Linux\n") << done.err;
  EXPECT_EQ(done.code, 0);
}

TEST(Nodes, OfASelectionKeepTheirIndex) {
  Laptop laptop(3);
  EXPECT_EQ(laptop.run_cli({"nodes", "--format", "{index} {role}", "-w", "workers", "-x", "2"}).out,
            "3 worker\n");
}

TEST(Nodes, AFormatWithAnUnknownNameIsRefused) {
  Laptop laptop;
  EXPECT_NE(
      laptop.refused({"nodes", "--format", "{colour}"}).find("{colour} is not known; there are {index}"),
      std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::cli
