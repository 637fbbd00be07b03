#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "ec2mpi/cluster/list/inventory_text.hpp"
#include "ec2mpi/cluster/list/read_inventory.hpp"

namespace ec2mpi {
namespace {

/// The addresses of a list with blanks between them, or "ERR" and the message.
std::string outcome(std::string_view text) {
  const auto inventory = parse_inventory(text, "list");
  if (!inventory) return "ERR " + inventory.error().message;
  std::string out;
  for (const Node& node : inventory->nodes) out.append(out.empty() ? "" : " ").append(node.address);
  return out;
}

using Lists = std::initializer_list<std::pair<std::string_view, std::string_view>>;

void expect_read(Lists lists) {
  for (const auto& [text, addresses] : lists) EXPECT_EQ(outcome(text), addresses) << text;
}

void expect_refused(Lists lists) {
  for (const auto& [text, message] : lists) {
    const std::string got = outcome(text);
    EXPECT_TRUE(got.starts_with("ERR list:") && got.find(message) != std::string::npos)
        << text << "gives: " << got << "\nshould say: " << message;
  }
}

TEST(HostList, AHeadingIsNoHostWhateverNamesStandBelowIt) {
  expect_refused({{"mycluster\n10.0.0.11\n", ":1: 'mycluster' may be a host or a heading"},
                  {"mycluster\n2600:1f16::11\n", ":1: 'mycluster' may be"},
                  {"Cluster-A\nnode1.example.com\nnode2.example.com\n", ":1: 'Cluster-A' may be"},
                  {"compute\nip-10-0-0-11.ec2.internal\n", ":1: 'compute' may be"},
                  {"compute\nip-10-0-0-11\nip-10-0-0-12\n", ":1: 'compute' may be"},
                  {"node1.example.com\nrack2\nnode2.example.com\n", ":2: 'rack2' may be"},
                  {"node1.example.com\nEOF\n", ":2: 'EOF' may be"},
                  {"mycluster\nubuntu@node1\nubuntu@node2\n", ":1: 'mycluster' may be"},
                  {"My servers\n10.0.0.11\n", ":1: 'servers' is not understood"}});
}

TEST(HostList, ABareWordIsAHostWhereItsLineShowsIt) {
  expect_read({{"head\nnode1\n", "head node1"},
               {"ubuntu@node1\n10.0.0.12\n", "node1 10.0.0.12"},
               {"node1:2222\n10.0.0.12\n", "node1 10.0.0.12"},
               {"node1 slots=4\n10.0.0.12\n", "node1 10.0.0.12"},
               {"10.0.0.11\nip-10-0-0-12\n", "10.0.0.11 ip-10-0-0-12"},
               {"node1\nnode1.example.com\nnode2.example.com\n", "node1 node1.example.com node2.example.com"},
               {"node1,node2\n", "node1 node2"},
               {"ubuntu@a,ubuntu@b\n", "a b"},
               {"ubuntu@a,ubuntu@b\nubuntu@c;ubuntu@d\n10.0.0.15\n", "a b c d 10.0.0.15"},
               {"node1 slots = 4, node2 slots =2\nnode3 slots= 1\n", "node1 node2 node3"}});
  expect_refused({{"a,b\nc,d\n", ":1: 'a' may be a host or the cell of a table"}});
}

TEST(HostList, ANameBesideAnAddressMayBeTheNameOfAColumnOrAFile) {
  expect_read({{"10.0.0.11 head\n10.0.0.12 image\n", "10.0.0.11 10.0.0.12"},
               {"10.0.0.11 service\n10.0.0.12 list\n10.0.0.13 model.pt\n", "10.0.0.11 10.0.0.12 10.0.0.13"},
               {"image 10.0.0.11\nmonitoring 10.0.0.12\n", "10.0.0.11 10.0.0.12"}});
  expect_refused({{"10.0.0.11 true\n", ":1: 'true' is a state"},
                  {"10.0.0.11 slots=2 slots=3\n", ":1: the slots of a host are given twice: 'slots=3'"}});
}

TEST(HostList, AStateBesideAnAddressIsRead) {
  expect_read({{"10.0.0.11 running\n10.0.0.12 stopped\n", "10.0.0.11"},
               {"head 10.0.0.11 running\nw1 10.0.0.12 stopped\n", "10.0.0.11"}});
}

TEST(HostList, ADomainMayEndAsAFileDoes) {
  expect_read({{"node1.etf.rs\nubuntu@node2.etf.rs:2222\n", "node1.etf.rs node2.etf.rs"},
               {"node1.uminho.pt\nn1.cluster.sh\na.una.py\n", "node1.uminho.pt n1.cluster.sh a.una.py"}});
  expect_refused({{"10.0.0.11\ntrain.py\n", ":2: 'train.py' is the name of a file"},
                  {"10.0.0.11\nmy.test.json\n", ":2: 'my.test.json' is the name of a file"},
                  {"10.0.0.11\nsrc/run.sh\n", ":2: 'src/run.sh' is not an address or a host name; write"}});
}

TEST(HostList, ARowOfOneMachineMayHoldItsNameAndTwoAddresses) {
  expect_read(
      {{"head 203.0.113.11 10.0.0.11\nw1 203.0.113.12 10.0.0.12\n", "203.0.113.11 203.0.113.12"},
       {"head 10.0.0.11 203.0.113.11\n", "203.0.113.11"},
       {"head,203.0.113.11,10.0.0.11\n", "203.0.113.11"},
       {"head;203.0.113.11;10.0.0.11\nw1;203.0.113.12;10.0.0.12\n", "203.0.113.11 203.0.113.12"},
       {"head 203.0.113.11 2600:1f16::11\n", "203.0.113.11"},
       {"ubuntu@203.0.113.11 10.0.0.11\nubuntu@203.0.113.12 10.0.0.12\n", "203.0.113.11 203.0.113.12"},
       {"ubuntu@203.0.113.11 203.0.113.12\n", "203.0.113.11 203.0.113.12"}});
  expect_refused({{"a 203.0.113.11 203.0.113.12\nb 203.0.113.13 203.0.113.14\n", ":1: "},
                  {"head 203.0.113.11 10.0.0.11\nw1 10.0.0.12\n", ":1: "},
                  {"10.0.0.11,node2\n", ":1: names and addresses are mixed in one line"},
                  {"10.0.0.11,node2.example.com\n", ":1: names and addresses are"},
                  {"203.0.113.11 22\n203.0.113.12 22\n", ":1: '22' is not understood"},
                  {"Server 203.0.113.11 behind 10.0.0.1\n", ":1: "}});
}

TEST(HostList, IdsNumbersAndDatesAreNoHosts) {
  expect_refused({{"ami-0abcdef1234567890\n", "the id of something else in AWS"},
                  {"vpc-0f7f74cf\nsg-0f7f74cf\n", "the id of something else in AWS"},
                  {"2024-01-01\n", "a number or a date"},
                  {"10.0.0.11-13\n", "a number or a range"}});
  expect_read({{"node-deadbeef\nworker-0f7f74cf\n", "node-deadbeef worker-0f7f74cf"}});
}

TEST(HostList, SignsOfAKeyboardForChineseAreNamed) {
  expect_refused({{"203\uff0e0.113.11\n",
                   ":1: '203\uff0e0.113.11' is not an address or a host name: '\uff0e' only looks like '.'"},
                  {"10.0.0.11\n10.0.0.12\uff0c10.0.0.13\n",
                   ":2: '10.0.0.12\uff0c10.0.0.13' is not an address or a host name: '\uff0c' only looks "
                   "like ','; write one [user@]host"},
                  {"\u201c10.0.0.11\u201d\n", "'\u201c' only looks like '\"'"}});
}

TEST(HostList, ACellThatIsNoAddressIsNamedWithItsColumn) {
  expect_refused({{"head i-0a1b2c3d4e5f60718 running 203.0.113.11\nw1 i-0a1b2c3d4e5f60719 running 52.15.88\n",
                   ":2: '52.15.88' is not an IP address, as the others in column 4 are"}});
}

TEST(HostList, APasswordInAListIsNotShown) {
  EXPECT_EQ(outcome("ubuntu:secret@10.0.0.11\n").find("secret"), std::string::npos);
}

constexpr std::string_view kRow =
    "head\ti-0a1b2c3d4e5f60718\tc5n.large\t203.0.113.11\t2021/08/08 09:11 GMT-7\n";
constexpr std::string_view kHeader = "Name\tInstance ID\tType\tPublic IPv4 address\tLaunch time\n";

TEST(InstanceRows, LinesBelowASingleRowAreNoPartOfIt) {
  for (const std::string_view addition : {"<html>\n", "please log in\n", "node2\n", "node2.example.com\n",
                                          "ubuntu@203.0.113.12\n", "203.0.113.12\n"}) {
    for (const std::string_view header : {std::string_view(), kHeader}) {
      const std::string got = outcome(std::string(header).append(kRow).append(addition));
      EXPECT_TRUE(got.starts_with(header.empty() ? "ERR list:2: " : "ERR list:3: ")) << addition << got;
    }
  }
  EXPECT_TRUE(
      outcome("head\ni-0a1b2c3d4e5f60718\nrunning\n203.0.113.11\n<html>\n").starts_with("ERR list:5: "));
  EXPECT_EQ(outcome("head\ni-0a1b2c3d4e5f60718\nrunning\n203.0.113.11\n"), "203.0.113.11");
}

TEST(Fields, ACellWithSeveralAddressesIsNotTheFirstOfThem) {
  expect_refused(
      {{"group,hosts\nworkers,\"10.0.0.11,10.0.0.12\"\n", ":2: '10.0.0.11,10.0.0.12' holds several"},
       {"{\"ips\": \"203.0.113.11, 203.0.113.12\"}\n", "holds several addresses"},
       {"-|::1\n", ":1: "}});
  expect_read(
      {{"Instance ID,Private IP addresses\ni-0a1b2c3d4e5f60718,\"10.0.0.11, 10.0.0.12\"\n", "10.0.0.11"}});
}

TEST(JsonList, AnErrorOfSyntaxHasTheRightAdvice) {
  expect_refused({{"[\n  \"203.0.113.11\",\n]\n", ":3: a comma stands before the ']'"},
                  {"[{\"InstanceId\":\n", "is it cut off?"},
                  {"[203.0.113.11, 203.0.113.12]\n", "a list in brackets without quotes is not read"}});
  EXPECT_EQ(outcome("[\"203.0.113.11\"]\n<html>\n").find("cut off"), std::string::npos);
}

TEST(HostList, TheNumbersOfLinesAreNoNames) {
  const auto numbered =
      parse_inventory("1. 203.0.113.11\n2) ubuntu@203.0.113.12 slots=4\n 3.  203.0.113.13\n", "list");
  ASSERT_TRUE(numbered) << numbered.error().message;
  ASSERT_EQ(numbered->nodes.size(), 3U);
  EXPECT_EQ(numbered->nodes[0].name, "");
  EXPECT_EQ(numbered->nodes[1].slots, 4);
  expect_refused({{"1.\n2.\n", ":1: "}});
}

TEST(Formats, AVariableOfAShellIsNamedAsOne) {
  for (const char* list : {"NODES=\"52.1.2.3 52.1.2.4\"\n", "nodes=(52.1.2.3 52.1.2.4)\n",
                           "NODES='52.1.2.3'\n", "export NODES=52.1.2.3\n"})
    expect_refused({{list, ":1: variables of a shell are not read; write one [user@]host a line"}});
}

}  // namespace
}  // namespace ec2mpi
