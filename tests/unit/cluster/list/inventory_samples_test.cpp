// Lists of tests/data/inventories, and what is read from them.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ec2mpi/cluster/list/read_inventory.hpp"
#include "src/cluster/list/address_choice.hpp"

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

}  // namespace
}  // namespace ec2mpi
