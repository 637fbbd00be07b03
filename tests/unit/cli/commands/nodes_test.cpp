// ips and nodes: their output for a list, and the file nodeIPaddress.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
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

TEST(Ips, ReplacesALinkAndLeavesAloneWhatItLeadsTo) {
  Laptop laptop(3);
  std::ofstream(laptop.home() / "precious") << "mine\n";
  fs::create_symlink(laptop.home() / "precious", laptop.folder() / "nodeIPaddress");
  EXPECT_EQ(laptop.run_cli({"ips"}).code, 0);
  EXPECT_FALSE(fs::is_symlink(laptop.folder() / "nodeIPaddress"));
  EXPECT_EQ(laptop.read("nodeIPaddress"), kAddresses);
  EXPECT_EQ(laptop.read("../home/precious"), "mine\n");
}

TEST(Ips, ReplacesAPipeAndDoesNotWaitForItsReader) {
  Laptop laptop(3);
  ASSERT_EQ(::mkfifo((laptop.folder() / "nodeIPaddress").c_str(), 0600), 0);
  EXPECT_EQ(laptop.run_cli({"ips"}).code, 0);
  EXPECT_EQ(laptop.read("nodeIPaddress"), kAddresses);
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

/// The block of a host, without its empty lines.
std::string block_of(const std::string& text, const std::string& host) {
  const auto begin = text.find("\nHost " + host + "\n");
  if (begin == std::string::npos) return "there is none for " + host + " in:\n" + text;
  const auto end = text.find("\n\n", begin);
  return text.substr(begin, end == std::string::npos ? end : end - begin) + "\n";
}

void expect_line(const std::string& block, const std::string& line) {
  EXPECT_NE(block.find("\n  " + line + "\n"), std::string::npos) << line << " is not in " << block;
}

TEST(NodesSshConfig, SaysWhatTheUsersConfigurationSays) {
  Laptop laptop(2);
  fs::create_directory(laptop.home() / ".ssh");
  laptop.write("../home/.ssh/config",
               "Host 203.0.113.12\n  HostName 198.51.100.7\n  User root\n  Port 2222\n"
               "  IdentityFile ~/mine\n  IdentityAgent none\n");
  fs::remove(laptop.folder() / Laptop::kKey);
  EXPECT_EQ(laptop.run_cli({"nodes", "--ssh-config"}).code, 0);
  const auto text = laptop.read(".ec2mpi/ssh_config");
  const auto block = block_of(text, "node2");
  for (const char* line : {"HostName 198.51.100.7", "User root", "Port 2222", "IdentityAgent none",
                           "ProxyJump none", "HostKeyAlias i-02aaaaaaaaaaaaaaa"})
    expect_line(block, line);
  expect_line(block, fmt::format("IdentityFile \"{}\"", (laptop.home() / "mine").string()));
  expect_line(block_of(text, "master node1"), "HostName 203.0.113.11");
  expect_line(block_of(text, "master node1"), "User ubuntu");
}

TEST(NodesSshConfig, GoesThroughTheJumpHostOfTheFlag) {
  Laptop laptop;
  laptop.write(Laptop::kList, "10.0.0.12\n10.0.0.13\n");
  EXPECT_EQ(laptop.run_cli({"nodes", "--ssh-config", "-J", "me@203.0.113.11:2200", "-l", "root"}).code, 0);
  const auto text = laptop.read(".ec2mpi/ssh_config");
  expect_line(block_of(text, "master node1"), "ProxyJump ec2mpi-jump");
  expect_line(block_of(text, "node2"), "ProxyJump ec2mpi-jump");
  const auto jump = block_of(text, "ec2mpi-jump");
  for (const char* line : {"HostName 203.0.113.11", "User me", "Port 2200", "ProxyJump none",
                           "HostKeyAlias \"[203.0.113.11]:2200\"", "StrictHostKeyChecking yes"})
    expect_line(jump, line);
}

TEST(NodesSshConfig, HasABlockForEachJumpHostOfTheConfiguration) {
  Laptop laptop;
  laptop.write(Laptop::kList, "10.0.0.12\n10.0.0.13\n10.0.0.14\n");
  fs::create_directory(laptop.home() / ".ssh");
  laptop.write("../home/.ssh/config",
               "Host 10.0.0.13\n  ProxyJump 203.0.113.2\nHost 10.0.0.*\n  ProxyJump 203.0.113.1\n");
  EXPECT_EQ(laptop.run_cli({"nodes", "--ssh-config"}).code, 0);
  const auto text = laptop.read(".ec2mpi/ssh_config");
  expect_line(block_of(text, "master node1"), "ProxyJump ec2mpi-jump");
  expect_line(block_of(text, "node2"), "ProxyJump ec2mpi-jump2");
  expect_line(block_of(text, "node3"), "ProxyJump ec2mpi-jump");
  expect_line(block_of(text, "ec2mpi-jump"), "HostName 203.0.113.1");
  expect_line(block_of(text, "ec2mpi-jump2"), "HostName 203.0.113.2");
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
