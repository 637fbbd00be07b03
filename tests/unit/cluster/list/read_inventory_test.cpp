#include "ec2mpi/cluster/list/read_inventory.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ec2mpi {
namespace {

Inventory read(std::string_view text, const ReadOptions& options = {}) {
  auto inventory = parse_inventory(text, "list", options);
  EXPECT_TRUE(inventory.has_value()) << (inventory ? "" : inventory.error().message);
  return inventory ? *inventory : Inventory{};
}

std::string error_of(std::string_view text, const ReadOptions& options = {}) {
  const auto inventory = parse_inventory(text, "list", options);
  if (inventory) return "";
  EXPECT_EQ(inventory.error().kind, ErrorKind::inventory);
  return inventory.error().message;
}

constexpr std::string_view kTwoRows =
    "head\ti-0a1b2c3d4e5f60718\tc5n.large\t3.22.115.209\t2021/08/08 09:11 GMT-7\n"
    "\xE2\x80\x93\ti-0b2c3d4e5f6071829\tc5n.18xlarge\t18.116.202.162\t2021/08/08 09:12 GMT-7\n";

TEST(Inventory, FirstLineIsNodeOneAndMaster) {
  const Inventory inventory = read(kTwoRows);
  ASSERT_EQ(inventory.nodes.size(), 2U);
  EXPECT_EQ(inventory.master().index, 1);
  EXPECT_EQ(inventory.master().label(), "node1");
  EXPECT_EQ(inventory.master().name, "head");
}

TEST(Inventory, KeepsEveryCellOfTheConsole) {
  const Node node = read(kTwoRows).nodes.at(1);
  EXPECT_EQ(node.name, "");
  EXPECT_EQ(node.instance_id, "i-0b2c3d4e5f6071829");
  EXPECT_EQ(node.type, "c5n.18xlarge");
  EXPECT_EQ(node.address, "18.116.202.162");
  EXPECT_EQ(node.launched, "2021/08/08 09:12 GMT-7");
  EXPECT_EQ(node.line, 2);
}

TEST(Inventory, ATabInACellOfATableOfBlanksBecomesABlank) {
  const auto read = parse_inventory(
      "Public IPv4 address  Instance state  Name        Private IP addresses\n"
      "203.0.113.9          Running         one\ttwo      172.31.16.10\n"
      "203.0.113.10         Running         three       172.31.16.11\n",
      "list");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->nodes[0].name, "one two");
}

TEST(Inventory, KeepsTheDateWhenTabsBecameBlanks) {
  EXPECT_EQ(
      read("- i-0a1b2c3d4e5f60718 c5n.large 3.22.115.209 2021/08/08 09:11 GMT-7\n").nodes.at(0).launched,
      "2021/08/08 09:11 GMT-7");
}

TEST(Inventory, NamesWhatDoesNotRun) {
  const Inventory inventory = read(
      "a\ti-0a1b2c3d4e5f60718\tRunning\tc5n.large\t3.22.115.209\n"
      "b\ti-0b2c3d4e5f6071829\tStopped\tc5n.large\t-\n");
  ASSERT_EQ(inventory.skipped.size(), 1U);
  EXPECT_EQ(inventory.skipped[0].instance_id, "i-0b2c3d4e5f6071829");
  EXPECT_EQ(inventory.skipped[0].name, "b");
  EXPECT_EQ(inventory.skipped[0].state, "Stopped");
  EXPECT_EQ(inventory.skipped[0].line, 2);
}

TEST(Inventory, CollapsesRepeatedLinesWithANote) {
  const Inventory inventory = read(std::string(kTwoRows) + std::string(kTwoRows));
  EXPECT_EQ(inventory.nodes.size(), 2U);
  EXPECT_EQ(inventory.notes,
            std::vector<std::string>{"lines 3, 4 repeat nodes that are listed already: taken once"});
}

TEST(Inventory, TakesUserPortAndSlotsFromAPlainList) {
  const Node node = read("ubuntu@3.22.115.209:2222 slots=4 # the head\n").nodes.at(0);
  EXPECT_EQ(node.user, "ubuntu");
  EXPECT_EQ(node.port, 2222);
  EXPECT_EQ(node.slots, 4);
}

TEST(Inventory, ReadsNumbersAfterTheColonAsSlotsWhereACommentNamesMpich) {
  const Inventory inventory = read("# machinefile of MPICH\n10.0.0.1:2\n10.0.0.2:4\n");
  EXPECT_EQ(inventory.nodes.at(1).slots, 4);
  EXPECT_EQ(inventory.nodes.at(1).port, 0);
}

TEST(Inventory, RefusesSmallNumbersAfterTheColonWhichMayBeSlotsOrPorts) {
  const std::string message = error_of("10.0.0.1\n10.0.0.2:4\n");
  for (const std::string_view part : {"list:2:", "10.0.0.2 slots=4", "user@10.0.0.2:4"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
}

TEST(Inventory, ReadsTwentyTwoAndLargeNumbersAfterTheColonAsPorts) {
  const Inventory inventory = read("10.0.0.1:22\n10.0.0.2:2222\n");
  EXPECT_EQ(inventory.nodes.at(0).port, 22);
  EXPECT_EQ(inventory.nodes.at(1).port, 2222);
  EXPECT_TRUE(inventory.notes.empty());
}

TEST(Inventory, ReadsSmallNumbersAsPortsWhereAUserStands) {
  EXPECT_EQ(read("ubuntu@10.0.0.1:80\n").nodes.at(0).port, 80);
}

TEST(Inventory, SlotsOfAHostThatIsRepeatedAddUp) {
  const Inventory pbs = read("10.0.0.1\n10.0.0.1\n10.0.0.2\n");
  EXPECT_EQ(pbs.nodes.at(0).slots, 2);
  EXPECT_EQ(pbs.nodes.at(1).slots, 1);
  EXPECT_EQ(pbs.notes,
            std::vector<std::string>{"line 2 names a host again: its slots add up, as in a hostfile"});
  EXPECT_EQ(read("a slots=3\nb\na slots=2\n").nodes.at(0).slots, 5);
}

TEST(Inventory, AddressesOfARepeatedInstanceAreNoSlots) {
  EXPECT_EQ(read(std::string(kTwoRows) + std::string(kTwoRows)).nodes.at(0).slots, 0);
}

TEST(Inventory, KnowsStatesInTheLanguagesOfTheConsoleAndOfOtherClouds) {
  for (const std::string state :
       {"Detenida", "\xE5\xB7\xB2\xE5\x81\x9C\xE6\xAD\xA2", "Angehalten", "Arr\xC3\xAAt\xC3\xA9",
        "Interrompido", "TERMINATED", "VM deallocated", "SHUTOFF", "\xF0\x9F\x94\xB4 Stopped"}) {
    const Inventory inventory = read(
        "Instance ID,Private IP,State\ni-0a1b2c3d4e5f60718,10.0.0.1,running\ni-0b2c3d4e5f6071829,10.0.0.2," +
        state + "\n");
    ASSERT_EQ(inventory.skipped.size(), 1U) << state;
    EXPECT_EQ(inventory.skipped[0].state, state);
  }
}

TEST(Inventory, SaysWhatAWordLooksLikeThatIsNoAddress) {
  const std::vector<std::pair<std::string, std::string>> kWords = {{"train.py", "the name of a file"},
                                                                   {"us-east-1", "a region or zone"},
                                                                   {"us-central1-a", "a region or zone"},
                                                                   {"pending", "a state"},
                                                                   {"true", "a state"},
                                                                   {"c5n.large", "an instance type"},
                                                                   {"localhost", "this machine"},
                                                                   {"127.0.0.1", "this machine"}};
  for (const auto& [word, meaning] : kWords) {
    EXPECT_NE(error_of("203.0.113.11\n" + word + "\n").find(meaning), std::string::npos) << word;
    EXPECT_NE(error_of("Name,Public IP\na,203.0.113.11\nb," + word + "\n").find(meaning), std::string::npos)
        << word;
  }
}

TEST(Inventory, ColumnsOfUsersPortsAndSlotsAreUsed) {
  for (const char* text : {"name,ip,user,port,slots\nhead,203.0.113.11,ec2-user,2222,4\n",
                           R"([{"ip": "203.0.113.11", "user": "ec2-user", "port": 2222, "slots": 4}])"}) {
    const Node node = read(text).nodes.at(0);
    EXPECT_EQ(node.user, "ec2-user");
    EXPECT_EQ(node.port, 2222);
    EXPECT_EQ(node.slots, 4);
  }
}

TEST(Inventory, NamesColumnsThatSayHowToLogInAndAreNotUsed) {
  const Inventory inventory =
      read("ip,user,key,password,jump host\n203.0.113.11,Alice B.,a.pem,geheim,203.0.113.1\n");
  EXPECT_EQ(inventory.nodes.at(0).user, "");
  ASSERT_EQ(inventory.notes.size(), 1U);
  for (const char* column : {"'user'", "'key'", "'password'", "'jump host'"})
    EXPECT_NE(inventory.notes[0].find(column), std::string::npos) << inventory.notes[0];
  EXPECT_EQ(inventory.notes[0].find("geheim"), std::string::npos);
}

TEST(Inventory, NamesMembersOfJsonThatSayHowToLogInAndAreNotUsed) {
  const Inventory inventory =
      read(R"({"_meta": {"hostvars": {"a": {"ansible_host": "203.0.113.11", "ansible_password": "geheim",)"
           R"( "ansible_port": 2222}}}, "all": {"hosts": ["a"]}})");
  EXPECT_EQ(inventory.nodes.at(0).port, 2222);
  ASSERT_EQ(inventory.notes.size(), 1U);
  EXPECT_NE(inventory.notes[0].find("'ansible_password'"), std::string::npos);
}

TEST(Inventory, AColumnThatIsUsedForSomeNodesIsNotDroppedForOthers) {
  for (const char* text :
       {"name,ip,port\na,203.0.113.11,2222\nb,203.0.113.12,x\n",
        "[{\"ip\": \"203.0.113.11\", \"port\": 2222},\n\n{\"ip\": \"203.0.113.12\", \"port\": \"x\"}]"})
    EXPECT_EQ(
        error_of(text),
        "list:3: 'x' is not a port (1 to 65535), which 'port' holds for other nodes; correct this line");
  EXPECT_EQ(error_of("ip,slots\n203.0.113.11,4\n203.0.113.12,many\n"),
            "list:3: 'many' is not a number from 1 to 65535, which 'slots' holds for other nodes; correct "
            "this line");
}

TEST(Inventory, SlotsThatAreNotUsedAreNoLogin) {
  for (const char* text : {"ip,slots\n203.0.113.11,many\n", R"([{"ip": "203.0.113.11", "slots": "many"}])"})
    EXPECT_EQ(read(text).notes,
              std::vector<std::string>{"not used: 'slots', which holds no numbers from 1 to 65535"});
}

TEST(Inventory, RefusesTwoUsersOrPortsOfOneMachine) {
  EXPECT_NE(error_of("ip,user\nubuntu@203.0.113.11,root\n").find("two different users"), std::string::npos);
  EXPECT_NE(error_of("ip,port\n203.0.113.11:2222,22\n").find("two different ports"), std::string::npos);
}

TEST(Inventory, ReadsTextOfWindowsInEveryOrderOfItsBytes) {
  std::string little = "\xFF\xFE", big;
  for (const char c : std::string("Name\tPublic IP\r\nhead\t203.0.113.11\r\n")) {
    little += {c, '\0'};
    big += {'\0', c};
  }
  for (const std::string& text : {little, little.substr(2), big})
    EXPECT_EQ(read(text).nodes.at(0).address, "203.0.113.11");
}

TEST(Inventory, ReadsAddressesWithInvisibleSignsAndUnusualLineEnds) {
  EXPECT_EQ(read("\u202A203.0.113.11\u202C\r203.0.113.12\u200B\u0085\u00A0203.0.113.13\u2028").nodes.size(),
            3U);
}

TEST(Inventory, TheNetworkOfAMachineIsNotItsAddress) {
  EXPECT_EQ(read("Name,IPv4,IPv6\nhead,203.0.113.11,2001:db8:1::/64\n").nodes.at(0).ipv6, "");
}

TEST(Inventory, WritesIpv6Canonically) {
  EXPECT_EQ(read("[2600:1F16:0ABC:de00:0:0:0:12]:2222\n").nodes.at(0).address, "2600:1f16:abc:de00::12");
}

TEST(Inventory, TakesTheFirstNameOfAHostsFile) {
  EXPECT_EQ(read("172.31.16.10 head head.cluster\n172.31.16.11 w1\n").nodes.at(0).name, "head");
}

TEST(Inventory, AcceptsBareIdsIfAddressesAreNotRequired) {
  const Inventory inventory =
      read("i-0a1b2c3d4e5f60718\ni-0b2c3d4e5f6071829\n", {.addresses_required = false});
  EXPECT_EQ(inventory.nodes.size(), 2U);
}

TEST(Inventory, MissingFileIsALocalError) {
  const auto inventory = load_inventory("no such file");
  ASSERT_FALSE(inventory);
  EXPECT_EQ(inventory.error().kind, ErrorKind::local_io);
}

TEST(InventoryError, NamesFileAndLine) {
  EXPECT_TRUE(
      error_of("3.22.115.209\n\n52.15.300.1\n").starts_with("list:3: '52.15.300.1' is not a valid IPv4"));
}

TEST(Errors, ASlipInOneAddressOfATableIsNamedWithItsLine) {
  const auto table = [](const char* second) {
    return std::string("-\ti-0a1b2c3d4e5f60701\tc5n.large\t3.22.115.209\n") +
           "-\ti-0a1b2c3d4e5f60702\tc5n.large\t" + second + "\n" +
           "-\ti-0a1b2c3d4e5f60703\tc5n.large\t18.218.185.95\n";
  };
  for (const auto* slip : {"52.15.300", "52.15.165,68", "52,15,165,68", "52.15.165.x"}) {
    const auto message = error_of(table(slip));
    EXPECT_TRUE(message.starts_with(fmt::format("list:2: '{}' is no", slip))) << message;
  }
}

TEST(InventoryError, ListsAllBadLines) {
  EXPECT_NE(error_of("52.15.300.1\nhead\n18.218.185\n-x\n").find("lines 3, 4"), std::string::npos);
}

TEST(InventoryError, NeverCarriesAControlCharacterOfTheFile) {
  const std::string message = error_of("a\x1b[31mb\n");
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_NE(message.find("U+001B"), std::string::npos);
}

TEST(InventoryError, NeverCarriesAControlCharacterOfTheFileName) {
  const auto inventory = parse_inventory("", "li\x1bst");
  ASSERT_FALSE(inventory);
  EXPECT_EQ(inventory.error().message.find('\x1b'), std::string::npos);
}

TEST(InventoryError, ExplainsAnInstanceIdCutShort) {
  EXPECT_NE(error_of("i-0a1b2c3d4e5f607\n").find("15 digits instead of 17"), std::string::npos);
}

TEST(InventoryError, SurvivesDeeplyNestedJson) {
  EXPECT_NE(error_of(std::string(1'000'000, '[')).find("nested too deeply"), std::string::npos);
}

/// Inputs made to be slow: one whose cost is quadratic takes minutes, and runs into the suite's time limit.
class InventoryCost : public testing::TestWithParam<std::string> {};

TEST_P(InventoryCost, CostGrowsWithTheSizeOnly) {
  const std::string& part = GetParam();
  std::string text;
  while (text.size() < 1'000'000) text += part;
  const auto inventory = parse_inventory(text, "list");
  if (!inventory) {
    EXPECT_LT(inventory.error().message.size(), 10'000U) << "nor does the message grow with it";
  }
}

INSTANTIATE_TEST_SUITE_P(Hostile, InventoryCost,
                         testing::Values("i-0a1b2c3d4e5f60718\t", "i-0a1b2c3d4e5f60718 ",
                                         "i-0a1b2c3d4e5f60718\n", "\"", "\"\"", "[", "[[],", "{\"a\":", "\t",
                                         " ", "\n", ",", "a,", "10.0.0.1,", "|",
                                         "x i-0a1b2c3d4e5f60718\n\n\t", "10.0.0.1 10.0.0.2\n",
                                         "# i-0a1b2c3d4e5f60718\n", "a=", "- - ", "i-",
                                         "i-0a1b2c3d4e5f60718,\"", "\xE2\x80\x93\t", "a  ", "name  ip\n",
                                         "Instance ID\n", "node1  10.0.0.1\n", "ip:", "[\"10.0.0.1\"],"));

std::string two_machines(std::string_view runs, std::string_view stopped) {
  return fmt::format(R"([{{"Id":"i-0a34204b05911bb03","IP":"52.1.2.3",{}}},)"
                     R"({{"Id":"i-0a34204b05911bb04","IP":"52.1.2.4",{}}}])",
                     runs, stopped);
}

TEST(Inventory, AStateInAnObjectCountsWhateverTheObjectIsCalled) {
  const std::pair<const char*, const char*> kStates[] = {
      {R"("S":{"Code":16,"Name":"running"})", R"("S":{"Code":80,"Name":"stopped"})"},
      {R"("St":{"Code":16,"Name":"running"})", R"("St":{"Code":80,"Name":"stopped"})"},
      {R"("S":{"Name":"running"})", R"("S":{"Name":"stopped"})"},
      {R"("S":{"Code":16})", R"("S":{"Code":80})"},
      {R"("S":[16,"running"])", R"("S":[80,"stopped"])"},
      {R"("S":[{"Name":"running"}])", R"("S":[{"Name":"stopped"}])"},
      {R"("lifecycle":{"status":"RUNNING"})", R"("lifecycle":{"status":"STOPPED"})"}};
  for (const auto& [runs, stopped] : kStates) {
    const auto list = parse_inventory(two_machines(runs, stopped), "list");
    ASSERT_TRUE(list.has_value()) << stopped << ": " << list.error().message;
    ASSERT_EQ(list->nodes.size(), 1U) << stopped;
    EXPECT_EQ(list->nodes[0].address, "52.1.2.3") << stopped;
  }
}

TEST(Inventory, AStateInAnObjectOfARowCounts) {
  const Inventory list = read(R"([["i-0a34204b05911bb03","52.1.2.3",{"Code":16,"Name":"running"}],)"
                              R"(["i-0a34204b05911bb04","52.1.2.4",{"Code":80,"Name":"stopped"}]])");
  ASSERT_EQ(list.nodes.size(), 1U);
  EXPECT_EQ(list.nodes[0].address, "52.1.2.3");
}

TEST(Inventory, AMachineWithoutAddressIsLeftOutIfAnInnerObjectSaysThatItIsStopped) {
  EXPECT_EQ(read(R"([{"Id":"i-0a34204b05911bb03","IP":"52.1.2.3","S":{"Code":16,"Name":"running"}},)"
                 R"({"Id":"i-0a34204b05911bb04","IP":null,"S":{"Code":80,"Name":"stopped"}}])")
                .nodes.size(),
            1U);
}

TEST(Inventory, AStateAmongOtherTextsOfAnObjectIsRefusedWhereTheMachineHasNoOther) {
  const auto error = error_of(
      two_machines(R"("info":{"room":"b1","now":"running"})", R"("info":{"room":"b1","now":"stopped"})"));
  EXPECT_NE(error.find("list:1: 'info' holds 'stopped' among other texts"), std::string::npos) << error;
  EXPECT_EQ(read(two_machines(R"("State":"running","info":{"room":"b1","now":"pending"})",
                              R"("State":"running","info":{"room":"b1","now":"pending"})"))
                .nodes.size(),
            2U);
  EXPECT_NE(error_of(R"([["i-0a34204b05911bb04","52.1.2.4",{"room":"b1","now":"stopped"}]])")
                .find("holds 'stopped' among other texts"),
            std::string::npos);
}

TEST(Inventory, ObjectsOfAnInstanceThatAreNoStateOfItDoNotCount) {
  for (const char* other :
       {R"("Monitoring":{"State":"pending"})",
        R"("MetadataOptions":{"State":"pending","HttpTokens":"optional"})",
        R"("T":[{"Key":"wish","Value":"stopped"}])", R"("tags":{"wish":"stopped"})", R"("result":{"code":0})",
        R"("Monitoring":{"State":"disabled"},"S":{"Name":"running"})"})
    EXPECT_EQ(read(two_machines(other, other)).nodes.size(), 2U) << other;
}

TEST(Inventory, OneMachineUnderTwoSpellingsIsOneNode) {
  const char* kTwice[] = {
      "Ec2-52-1-2-3.compute-1.amazonaws.com\nec2-52-1-2-3.compute-1.amazonaws.com\n",
      "node.example.org\nNode.Example.org.\n",
      "ip-10-0-0-3\n10.0.0.3\n",
      "10.0.0.3\nip-10-0-0-3.ec2.internal\n",
      "52.1.2.3\nec2-52-1-2-3.compute-1.amazonaws.com\n",
      "::ffff:52.1.2.3\n52.1.2.3\n",
  };
  for (const char* list : kTwice) EXPECT_EQ(read(list).nodes.size(), 1U) << list;
  EXPECT_EQ(read("52.1.2.3\nec2-52-1-2-4.compute-1.amazonaws.com\nip-52-1-2-3.example.org\n").nodes.size(),
            3U);
  EXPECT_EQ(read("::FFFF:52.1.2.3\n").nodes.at(0).address, "52.1.2.3");
}

TEST(Inventory, TwoInstancesWithOneAddressInTwoSpellingsAreRefused) {
  const auto error = error_of(R"([{"InstanceId":"i-0a1b2c3d4e5f60718","PublicIpAddress":"a.example.org"},)"
                              R"({"InstanceId":"i-0b2c3d4e5f6071829","PublicIpAddress":"A.Example.Org"}])");
  EXPECT_NE(error.find("A.Example.Org is the address of i-0b2c3d4e5f6071829 here and of i-0a1b2c3d4e5f60718"),
            std::string::npos)
      << error;
}

}  // namespace
}  // namespace ec2mpi
