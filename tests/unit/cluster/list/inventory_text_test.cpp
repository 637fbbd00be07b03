#include "ec2mpi/cluster/list/inventory_text.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "ec2mpi/cluster/list/read_inventory.hpp"

namespace ec2mpi {
namespace {

Inventory read(std::string_view text) {
  return parse_inventory(text, "list").value();
}

TEST(EmptyReplies, OfDescribeInstancesAreToldAsAnEmptyList) {
  for (const auto* reply :
       {"[]", R"({"Reservations": []})",
        R"({"Reservations": [{"Groups": [], "Instances": [], "OwnerId": "123456789012"}]})"}) {
    const auto inventory = parse_inventory(reply, "list");
    ASSERT_FALSE(inventory) << reply;
    EXPECT_NE(inventory.error().message.find("does --region name the right region?"), std::string::npos)
        << inventory.error().message;
  }
}

TEST(UnsupportedText, ATableOfAWebPageIsHtml) {
  const auto inventory = parse_inventory("<table border=1>\n<tr><td>10.0.0.11</td></tr>\n</table>\n", "list");
  ASSERT_FALSE(inventory);
  EXPECT_NE(inventory.error().message.find("HTML is not read"), std::string::npos)
      << inventory.error().message;
}

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
