#include "ec2mpi/cluster/list/read_inventory.hpp"
#include "src/cluster/list/address_choice.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "ec2mpi/cluster/list/inventory_text.hpp"

namespace ec2mpi {
namespace {

namespace fs = std::filesystem;

fs::path samples() {
  return fs::path(EC2MPI_TEST_DATA) / "inventories";
}

/// File name -> what expected.txt says of it.
std::map<std::string, std::string> expectations(const fs::path& folder) {
  std::map<std::string, std::string> out;
  std::ifstream file(folder / "expected.txt");
  for (std::string line; std::getline(file, line);) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos) continue;
    out[line.substr(0, space)] = line.substr(line.find_first_not_of(' ', space));
  }
  return out;
}

std::string_view word_of(const Inventory& inventory) {
  if (inventory.as_given) return "ok-as-given";
  switch (inventory.chosen) {
    case AddressChoice::public_v4:
      return "public";
    case AddressChoice::ipv6:
      return "ipv6";
    case AddressChoice::private_v4:
      return "private";
    default:
      return "mixed";
  }
}

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

/// What the reader made of a list, in the words of expected.txt.
std::string outcome(Result<Inventory> inventory) {
  if (!inventory) return "ERR " + inventory.error().message;
  const bool chosen = choose_addresses(*inventory, AddressChoice::automatic).has_value();
  std::string out = chosen ? std::string(word_of(*inventory)) + ":" : "mixed:";
  for (const Node& node : inventory->nodes) {
    out += fmt::format(" {}|{}|{}", or_dash(node.public_address), or_dash(node.ipv6),
                       or_dash(node.private_address));
  }
  return out;
}

class InventorySample : public testing::TestWithParam<std::pair<const std::string, std::string>> {};

TEST_P(InventorySample, IsReadAsExpected) {
  const auto& [name, expected] = GetParam();
  const std::string got = outcome(load_inventory(samples() / name, {.choose_addresses = false}));
  if (expected.starts_with("ERR")) {
    EXPECT_TRUE(got.starts_with("ERR")) << got;
  } else {
    EXPECT_EQ(got, expected);
  }
}

std::string name_of_test(std::string name) {
  std::ranges::replace_if(
      name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

std::string test_name(const testing::TestParamInfo<InventorySample::ParamType>& sample) {
  return name_of_test(sample.param.first);
}

INSTANTIATE_TEST_SUITE_P(Files, InventorySample, testing::ValuesIn(expectations(samples())), test_name);

/// Lists as people keep them: pasted, printed by a script, meant for another program. Each is read, or
/// refused with a message that holds the words behind ERR.
class WildInventory : public InventorySample {};

TEST_P(WildInventory, IsReadOrRefusedAsExpected) {
  const auto& [name, expected] = GetParam();
  const std::string got = outcome(load_inventory(samples() / "wild" / name, {.choose_addresses = false}));
  if (expected.starts_with("ERR ")) {
    EXPECT_TRUE(got.starts_with("ERR ") && got.find(expected.substr(4)) != std::string::npos)
        << got << "\nshould say: " << expected;
  } else {
    EXPECT_EQ(got, expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, WildInventory, testing::ValuesIn(expectations(samples() / "wild")),
                         test_name);

struct Form {
  std::string name, expected, text;
};

/// The forms of forms.txt.
std::vector<Form> forms() {
  std::vector<Form> out;
  std::ifstream file(samples() / "forms.txt");
  for (std::string line; std::getline(file, line);) {
    const std::size_t arrow = line.find(" => ");
    if (line.starts_with("@ ") && arrow != std::string::npos) {
      out.push_back({line.substr(2, arrow - 2), line.substr(arrow + 4), ""});
    } else if (!out.empty()) {
      out.back().text += line + "\n";
    }
  }
  return out;
}

void PrintTo(const Form& form, std::ostream* out) {
  *out << form.name;
}

class InventedInventory : public testing::TestWithParam<Form> {};

TEST_P(InventedInventory, IsReadOrRefusedAsExpected) {
  const auto& [name, expected, text] = GetParam();
  const std::string got = outcome(parse_inventory(text, "list", {.choose_addresses = false}));
  if (expected.starts_with("ERR")) {
    EXPECT_TRUE(got.starts_with("ERR ") && got.find(expected.substr(3)) != std::string::npos)
        << got << "\nshould say: " << expected;
  } else {
    EXPECT_EQ(got, expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, InventedInventory, testing::ValuesIn(forms()),
                         [](const auto& form) { return name_of_test(form.param.name); });

TEST(InventorySamples, AllHaveAnExpectation) {
  for (const fs::path& folder : {samples(), samples() / "wild"}) {
    const auto expected = expectations(folder);
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename();
      EXPECT_TRUE(entry.is_directory() || name == "expected.txt" || name == "forms.txt" ||
                  expected.contains(name))
          << name;
    }
  }
}

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

constexpr std::string_view kMixed =
    "a\ti-0a1b2c3d4e5f60718\trunning\t3.22.115.209\t172.31.16.10\n"
    "b\ti-0b2c3d4e5f6071829\trunning\tNone\t172.31.16.11\n";

TEST(AddressChoice, RefusesAMixtureAndNamesNodesAndFlags) {
  const std::string message = error_of(kMixed);
  for (const std::string_view part : {"node2", "i-0b2c3d4e5f6071829", "--address private", "-J"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
}

TEST(AddressChoice, TakesPrivateWhenToldTo) {
  const Inventory inventory = read(kMixed, {.address = AddressChoice::private_v4});
  EXPECT_EQ(inventory.nodes.at(0).address, "172.31.16.10");
  EXPECT_EQ(inventory.chosen, AddressChoice::private_v4);
}

TEST(AddressChoice, RefusesPublicWhenANodeHasNone) {
  EXPECT_NE(error_of(kMixed, {.address = AddressChoice::public_v4}).find("node2"), std::string::npos);
}

TEST(AddressChoice, PrefersPrivateBehindAJumpHost) {
  EXPECT_EQ(read(kMixed, {.address = AddressChoice::behind_jump}).nodes.at(0).address, "172.31.16.10");
}

TEST(AddressChoice, KeepsPublicBehindAJumpHostIfThereIsNothingElse) {
  EXPECT_EQ(read(kTwoRows, {.address = AddressChoice::behind_jump}).nodes.at(0).address, "3.22.115.209");
}

TEST(AddressChoice, LeavesAMixtureThatTheUserWroteAsItIs) {
  const Inventory inventory = read("3.22.115.209\n172.31.16.11\nnode3.local\n");
  EXPECT_EQ(addresses_text(inventory), "3.22.115.209\n172.31.16.11\nnode3.local\n");
}

TEST(AddressChoice, RefusesAnotherKindThanThePlainListGives) {
  EXPECT_NE(error_of("3.22.115.209\n", {.address = AddressChoice::private_v4}), "");
}

TEST(AddressChoice, AcceptsHostNamesAsAnyKind) {
  EXPECT_EQ(read("node1\n", {.address = AddressChoice::private_v4}).nodes.at(0).address, "node1");
}

TEST(AddressChoice, RefusesPrivateAddressesThatTwoNetworksShare) {
  constexpr std::string_view kList =
      "a\ti-0a1b2c3d4e5f60718\t3.22.115.209\t172.31.16.10\nb\ti-0b2c3d4e5f6071829\t3.22.115.210\t172.31.16."
      "10\n";
  EXPECT_EQ(read(kList).nodes.size(), 2U);
  EXPECT_NE(error_of(kList, {.address = AddressChoice::private_v4}).find("list:2: 172.31.16.10"),
            std::string::npos);
  EXPECT_NE(error_of(kList, {.address = AddressChoice::behind_jump}), "");
}

TEST(AddressChoice, CanBeMadeAgain) {
  Inventory inventory = read("a\ti-0a1b2c3d4e5f60718\t3.22.115.209\t172.31.16.10\n");
  EXPECT_EQ(inventory.nodes.at(0).address, "3.22.115.209");
  ASSERT_TRUE(choose_addresses(inventory, AddressChoice::private_v4));
  EXPECT_EQ(inventory.nodes.at(0).address, "172.31.16.10");
}

TEST(Inventory, AcceptsBareIdsIfAddressesAreNotRequired) {
  const Inventory inventory =
      read("i-0a1b2c3d4e5f60718\ni-0b2c3d4e5f6071829\n", {.addresses_required = false});
  EXPECT_EQ(inventory.nodes.size(), 2U);
}

TEST(Inventory, MissingFileIsALocalError) {
  const auto inventory = load_inventory(samples() / "no such file");
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

/// Inventories of random shape with fixed seeds: names that look like other cells, too.
class RandomInventory : public testing::TestWithParam<unsigned> {
 protected:
  int below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }

  std::string hex(int digits) {
    std::string out;
    for (int i = 0; i < digits; ++i) out += "0123456789abcdef"[below(16)];
    return out;
  }

  std::string some_name() {
    static const std::vector<std::string> kNames = {
        "",         "head",     "mpi worker",  "Running",
        "10.0.0.5", "52.1.2.3", "c5n.large",   "us-east-2a",
        "# one",    "\"quoted", "a \"b\"",     "{a: 1}",
        "key: v",   "<b>",      "[group]",     "STATE",
        "GPU",      "i-12",     "Instance ID", "2021/08/08",
        "a|b",      "a, b; c",  "2600::1",     "\xC3\xBC\xE5\x90\x8D",
        "a  b",     "x=1",      "host:2",      "Public IPv4",
        "- - x",    "---",      "Host a",      "TAGS"};
    return kNames[static_cast<std::size_t>(below(static_cast<int>(kNames.size())))];
  }

  std::string public_address(int i) {
    return fmt::format("{}.{}.{}.{}", 3 + below(6), below(256), i / 250, 1 + i % 250);
  }
  std::string private_address(int i) { return fmt::format("10.{}.{}.{}", below(256), i / 250, 1 + i % 250); }
  std::string ipv6_address(int i) {
    return fmt::format("2600:1f16:{:x}:de00::{:x}", 1 + below(60000), 1 + i);
  }

  Inventory make() {
    Inventory out;
    const int kind = below(3);
    const int count = 1 + below(40);
    for (int i = 1; i <= count; ++i) {
      Node node;
      node.index = i;
      node.line = i;
      node.name = some_name();
      node.instance_id = "i-" + hex(below(5) == 0 ? 8 : 17);
      node.type = std::vector<std::string>{"c5n.large", "u-6tb1.metal",
                                           "hpc7a.96xlarge"}[static_cast<std::size_t>(below(3))];
      node.launched = fmt::format("2021/08/{:02} 09:11 GMT-7", 1 + below(28));
      node.slots = 1 + below(96);
      std::string& address = kind == 0 ? node.public_address : kind == 1 ? node.private_address : node.ipv6;
      address = kind == 0 ? public_address(i) : kind == 1 ? private_address(i) : ipv6_address(i);
      node.address = address;
      out.nodes.push_back(node);
    }
    return out;
  }

  std::mt19937 random_{GetParam()};
};

// The EC2 console's en dash for an empty cell.
constexpr std::string_view kDash = "\xE2\x80\x93";

std::string_view dash_if_empty(std::string_view text) {
  return text.empty() ? kDash : text;
}

/// In quotes if the reader would take the first sign for a comment or an opening quote.
std::string name_cell(std::string_view name) {
  if (name.empty()) return std::string(kDash);
  if (name.front() != '#' && name.front() != '"') return std::string(name);
  std::string out = "\"";
  // As in CSV, a quote within quotes is written twice.
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

/// Name, instance id, type, address and launch time between tabs, a dash for an empty Name: the columns of
/// the 2021 console. For nodes that have an instance id.
std::string console_text(const Inventory& inventory) {
  std::string out;
  for (const Node& node : inventory.nodes) {
    fmt::format_to(std::back_inserter(out), "{}\t{}\t{}\t{}\t{}\n", name_cell(node.name), node.instance_id,
                   dash_if_empty(node.type), dash_if_empty(node.address), dash_if_empty(node.launched));
  }
  return out;
}

TEST_P(RandomInventory, IsReadBackFromTheConsoleForm) {
  Inventory written = make();
  for (Node& node : written.nodes) node.slots = 0;
  EXPECT_EQ(read(console_text(written)).nodes, written.nodes) << console_text(written);
}

TEST_P(RandomInventory, IsReadBackFromPlainAddresses) {
  const Inventory written = make();
  EXPECT_EQ(addresses_text(read(addresses_text(written))), addresses_text(written));
}

TEST_P(RandomInventory, IsReadBackFromAHostfile) {
  const Inventory written = make();
  const Inventory again = read(hostfile_text(written));
  ASSERT_EQ(again.nodes.size(), written.nodes.size());
  for (std::size_t i = 0; i < again.nodes.size(); ++i) {
    EXPECT_EQ(again.nodes[i].address, written.nodes[i].address);
    EXPECT_EQ(again.nodes[i].slots, written.nodes[i].slots);
  }
}

TEST_P(RandomInventory, IsTheSameWithCrlfAndInUtf16) {
  const Inventory written = make();
  std::string wide("\xFF\xFE", 2);
  for (const char c : addresses_text(written)) {
    if (c == '\n') wide += std::string("\r\0", 2);
    wide += c;
    wide += '\0';
  }
  EXPECT_EQ(addresses_text(read(wide)), addresses_text(written));
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomInventory, testing::Range(1U, 101U));

}  // namespace
}  // namespace ec2mpi
