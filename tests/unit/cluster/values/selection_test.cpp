#include "ec2mpi/cluster/values/selection.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace ec2mpi {
namespace {

/// Six nodes: names web-1 to web-3, then db-1 to db-3; the first is larger.
Inventory six() {
  Inventory inventory;
  for (int index = 1; index <= 6; ++index) {
    Node node;
    node.index = index;
    node.name = fmt::format("{}-{}", index <= 3 ? "web" : "db", (index - 1) % 3 + 1);
    node.type = index == 1 ? "c5n.18xlarge" : "c5n.large";
    node.instance_id = fmt::format("i-0a{:015x}", index);
    node.public_address = fmt::format("203.0.113.{}", index);
    node.private_address = fmt::format("10.0.0.{}", index);
    node.address = node.public_address;
    inventory.nodes.push_back(node);
  }
  return inventory;
}

using Texts = std::vector<std::string>;

/// The chosen indices as a selection, or the error's message.
std::string chosen(const Texts& wanted, const Texts& excluded = {}, const SelectionContext& context = {}) {
  const auto nodes = select_nodes(six(), wanted, excluded, context);
  if (!nodes) {
    EXPECT_EQ(nodes.error().kind, ErrorKind::usage);
    return nodes.error().message;
  }
  std::vector<int> indices;
  for (const auto& node : *nodes) indices.push_back(node.index);
  return fold_indices(indices);
}

struct Case {
  const char* text;
  const char* indices;
};

class SelectionTerm : public testing::TestWithParam<Case> {};

TEST_P(SelectionTerm, Means) {
  EXPECT_EQ(chosen({GetParam().text}), GetParam().indices) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    All, SelectionTerm,
    testing::Values(Case{"all", "1-6"}, Case{"master", "1"}, Case{"workers", "2-6"}, Case{"1", "1"},
                    Case{"6", "6"}, Case{"2-4", "2-4"}, Case{"1,3-5", "1,3-5"}, Case{"5,1", "1,5"},
                    Case{"2,2,2", "2"}, Case{"-2", "5-6"}, Case{"-6", "1-6"}, Case{"node3", "3"},
                    Case{"node[1-3,5]", "1-3,5"}, Case{"node[2],6", "2,6"}, Case{"!node[1-3,5]", "4,6"},
                    Case{"node*", "1-6"}, Case{"web-[1-2]", "1-2"}, Case{"203.0.113.[2-3,6]", "2-3,6"},
                    Case{"db*,web-?", "1-6"}, Case{"10.0.0.*", "1-6"}, Case{"name=web-*", "1-3"},
                    Case{"name=?b-1", "4"}, Case{"type=c5n.large", "2-6"}, Case{"web-2", "2"},
                    Case{"203.0.113.4", "4"}, Case{"10.0.0.5", "5"}, Case{"i-0a000000000000006", "6"},
                    Case{"!1", "2-6"}, Case{"!master,!6", "2-5"}, Case{"2-5,!3", "2,4-5"},
                    Case{"!3,2-5", "2,4-5"}, Case{"!2,all", "1,3-6"}, Case{"!2,workers,node2", "3-6"},
                    Case{" 1 , 2 ", "1-2"}, Case{"003", "3"}, Case{"MASTER", "1"}, Case{"Node2", "2"},
                    Case{"Workers", "2-6"}));

class SelectionError : public testing::TestWithParam<Case> {};

TEST_P(SelectionError, SaysWhatIsWrong) {
  EXPECT_NE(chosen({GetParam().text}).find(GetParam().indices), std::string::npos)
      << GetParam().text << " gives: " << chosen({GetParam().text});
}

INSTANTIATE_TEST_SUITE_P(
    All, SelectionError,
    testing::Values(
        Case{"", "empty selection term"}, Case{"1,", "empty selection term"},
        Case{",", "empty selection term"}, Case{"!", "empty selection term"}, Case{"0", "counted from 1"},
        Case{"7", "no node 7: the list has 6"}, Case{"5-7", "no node 7"},
        Case{"4-2", "runs backwards; write 2-4"}, Case{"0-2", "counted from 1"}, Case{"-7", "only 6 nodes"},
        Case{"-0", "selects no node"}, Case{"1-2-3", "selects no node"}, Case{"2-", "selects no node"},
        Case{"99999999999999999999", "selects no node"}, Case{"name=x*", "selects no node"},
        Case{"nobody", "'nobody' selects no node"}, Case{"i-0a", "begins several instance ids"},
        Case{"i-0b", "selects no node"}, Case{"node9", "no node 9"}, Case{"node[5-7]", "no node 7"},
        Case{"node[1,3,\u2026]", "selects no node"}, Case{"node[]", "selects no node"},
        Case{"node[1", "selects no node"}, Case{"web-[1-4]", "selects no node"},
        Case{"web-[1-99999999999]", "selects no node"}, Case{"x*", "'x*' selects no node"},
        Case{"@none", "no group 'none'"}, Case{"@workers", "needs no @: -w workers"},
        Case{"\u201c1\u201d", "'\u201c' only looks like"}, Case{"1\uff5e2", "'\uff5e' only looks like"},
        Case{"failed", "needs an earlier command"},
        Case{"^file", "for the nodes in a file: -w \"$(paste -sd, file)\""},
        Case{"me@node1", "-l me -w node1"}, Case{"1..3", "write 1-3"}, Case{"node1-3", "write 1-3"},
        Case{"node1-node3", "write 1-3"}, Case{"1:3", "write 1-3"}, Case{"n1to3", "write 1-3"},
        Case{"node1n3", "`ec2mpi nodes` shows"}, Case{"10.9.9.9", "learns the nodes' private addresses"},
        Case{"1\uff0c2", "'\uff0c' only looks like ','; type it as in 1,3-5"},
        Case{"\uff11", "only looks like"}, Case{"1\u20133", "'\u2013' only looks like"},
        Case{"a\x1b[2J", "a\\x1b[2J"}));

TEST(Selection, ANumberThatIsAnIndexAndTheNameOfAnotherNodeIsRefused) {
  auto inventory = six();
  inventory.nodes[0].name = "3";
  inventory.nodes[1].name = "2";
  inventory.nodes[4].name = "77";
  const auto chosen_of = [&](const Texts& wanted, const Texts& excluded = {}) {
    const auto nodes = select_nodes(inventory, wanted, excluded, {});
    return nodes ? fmt::format("node{}", nodes->front().index) : nodes.error().message;
  };
  const auto refused = "'3' is the index of one node and the name of node1; write node3 or name=3";
  EXPECT_EQ(chosen_of({"3"}), refused);
  EXPECT_EQ(chosen_of({"1,3"}), refused);
  EXPECT_EQ(chosen_of({}, {"3"}), refused);
  EXPECT_EQ(chosen_of({"node3"}), "node3");
  EXPECT_EQ(chosen_of({"name=3"}), "node1");
  EXPECT_EQ(chosen_of({"2"}), "node2");
  EXPECT_EQ(chosen_of({"77"}), "node5") << "no node has this index";
}

TEST(Selection, WithoutWantedOnesIsAllAndExclusionComesLast) {
  EXPECT_EQ(chosen({}), "1-6");
  EXPECT_EQ(chosen({}, {"2"}), "1,3-6");
  EXPECT_EQ(chosen({"1-3"}, {"2", "master"}), "3");
  EXPECT_EQ(chosen({"1", "4-5"}), "1,4-5");
}

TEST(Selection, KnowsTheNamesThatSetupHasFoundAndTheListComesFirst) {
  const auto list = six();
  const SelectionContext context{.other_names = {{node_key(list.nodes[1]), {"ip-10-0-0-12", "10.9.9.9"}},
                                                 {node_key(list.nodes[2]), {"ip-10-0-0-13", "10.0.0.5"}}}};
  const auto index_of = [&](const std::string& term) {
    const auto nodes = select_nodes(list, {term}, {}, context);
    return nodes && nodes->size() == 1 ? nodes->front().index : 0;
  };
  EXPECT_EQ(index_of("10.9.9.9"), 2);
  EXPECT_EQ(index_of("ip-10-0-0-[13]"), 3);
  EXPECT_EQ(index_of("10.0.0.5"), 5) << "the list's own address";
}

/// The chosen indices in the order of the nodes.
std::vector<int> in_order(const Texts& wanted, const Texts& excluded, bool as_named) {
  const auto nodes = select_nodes(six(), wanted, excluded, {.as_named = as_named});
  std::vector<int> indices;
  if (nodes)
    for (const auto& node : *nodes) indices.push_back(node.index);
  return indices;
}

TEST(Selection, KeepsTheOrderInWhichNodesAreNamedIfThatIsWanted) {
  EXPECT_EQ(in_order({"4,3,2"}, {}, true), (std::vector{4, 3, 2}));
  EXPECT_EQ(in_order({"4,3,2"}, {}, false), (std::vector{2, 3, 4}));
  EXPECT_EQ(in_order({"5", "1-2"}, {}, true), (std::vector{5, 1, 2}));
  EXPECT_EQ(in_order({"workers,master"}, {"3"}, true), (std::vector{2, 4, 5, 6, 1}));
  EXPECT_EQ(in_order({"db-3,db-1,all"}, {}, true), (std::vector{6, 4, 1, 2, 3, 5}));
  EXPECT_EQ(in_order({}, {"1"}, true), (std::vector{2, 3, 4, 5, 6}));
}

TEST(Selection, TakesTheNodeSetsThatEc2mpiPrints) {
  for (const std::vector<int>& indices : {std::vector<int>{1}, {2, 3}, {1, 2, 3, 5}, {1, 3, 5}}) {
    const auto folded = fold_indices(indices);
    EXPECT_EQ(chosen({"node[" + folded + "]"}), folded);
    EXPECT_EQ(chosen({folded}), folded);
  }
}

TEST(Selection, TakesNodeSetsWithTheirCountAndTermsBetweenBlanks) {
  for (const auto& [text, indices] : std::initializer_list<Case>{{"node[1-3] (3)", "1-3"},
                                                                 {"node[1-2,5] (3),6", "1-2,5-6"},
                                                                 {"node1 node2", "1-2"},
                                                                 {"1 3-4", "1,3-4"},
                                                                 {"node[1-2] web-3 6", "1-3,6"},
                                                                 {"i-0a00000000000000[1-2]", "1-2"},
                                                                 {"i-0a*6", "6"},
                                                                 {"head", "1"},
                                                                 {"worker", "2-6"}})
    EXPECT_EQ(chosen({text}), indices) << text;
}

TEST(Selection, ThatOnlyOtherToolsReadIsAnsweredWithOurs) {
  for (const auto& [text, says] :
       std::initializer_list<Case>{{"node[1-4/2]", "a range has no step"},
                                   {"1-4/2", "a range has no step"},
                                   {"203.0.113.0/24", "a network is a pattern here: '203.0.113.*'"},
                                   {"10.0.0.0/8", "a network is a pattern here: '10.*'"},
                                   {"203.0.113.0/27", "`ec2mpi nodes` shows what there is"},
                                   {"a/b", "`ec2mpi nodes` shows what there is"},
                                   {"node1:22", "for another port: -p 22 -w node1"},
                                   {"203.0.113.2:2222", "for another port: -p 2222 -w 203.0.113.2"},
                                   {"1:3", "write 1-3"},
                                   {"node1:node3", "write 1-3"},
                                   {"ip-10-0-0-[11-13]", "`ec2mpi setup` learns the names"},
                                   {"ip-10-0-0-[11-99]", "'ip-10-0-0-[11-99]' selects no node"},
                                   {"1 nobody", "'nobody' selects no node"}})
    EXPECT_NE(chosen({text}).find(says), std::string::npos) << chosen({text});
}

TEST(Selection, OfNumberedNamesKeepsLeadingZeros) {
  auto inventory = six();
  inventory.nodes[2].name = "ip-08";
  inventory.nodes[3].name = "ip-09";
  inventory.nodes[4].name = "ip-10";
  const auto nodes = select_nodes(inventory, {"ip-[08-10]"}, {});
  ASSERT_TRUE(nodes) << nodes.error().message;
  EXPECT_EQ(nodes->size(), 3U);
  EXPECT_FALSE(select_nodes(inventory, {"ip-[8-10]"}, {}));
}

TEST(Selection, ExclusionsWinWhereverTheyStand) {
  EXPECT_EQ(chosen({"!2", "all"}), "1,3-6");
  EXPECT_EQ(chosen({"all", "!2,workers"}), "1,3-6");
  EXPECT_EQ(chosen({"1", "!2"}), "1,3-6");
  SelectionContext context;
  context.groups = {{"some", "1-3,!2"}};
  EXPECT_EQ(chosen({"@some,2"}, {}, context), "1-3") << "a group's own exclusion is of that group";
  EXPECT_EQ(chosen({"!@some,all"}, {}, context), "2,4-6");
}

TEST(Selection, ThatIsExcludedAgainIsAnError) {
  EXPECT_NE(chosen({"2"}, {"workers"}).find("selection is empty"), std::string::npos);
}

TEST(Selection, OfGroupsThatNameGroups) {
  SelectionContext context;
  context.groups = {{"web", "name=web-*"},
                    {"both", "@web,6"},
                    {"circle", "@circle"},
                    {"there", "@back"},
                    {"back", "@there"}};
  EXPECT_EQ(chosen({"@both,!1"}, {}, context), "2-3,6");
  EXPECT_NE(chosen({"@circle"}, {}, context)
                .find("the group circle = \"@circle\": the group 'circle' names itself"),
            std::string::npos);
  EXPECT_NE(
      chosen({"@there"}, {}, context)
          .find("the group there = \"@back\": the group back = \"@there\": the group 'there' names itself"),
      std::string::npos);
}

TEST(Selection, OfWhatFailedIsByIdAndSurvivesANewAddress) {
  SelectionContext context;
  context.failed = Texts{"i-0a000000000000002", "i-0a000000000000005", "i-gone"};
  EXPECT_EQ(chosen({"failed"}, {}, context), "2,5");
  context.failed = Texts{};
  EXPECT_NE(chosen({"failed"}, {}, context).find("failed on no node"), std::string::npos);
}

TEST(Selection, WorkersOfASingleNodeAreAnError) {
  Inventory one = six();
  one.nodes.resize(1);
  const auto nodes = select_nodes(one, {"workers"}, {});
  ASSERT_FALSE(nodes);
  EXPECT_NE(nodes.error().message.find("only the master"), std::string::npos);
}

/// `count` nodes with names and addresses of their own.
Inventory many(int count) {
  Inventory inventory;
  for (int index = 1; index <= count; ++index) {
    Node node;
    node.index = index;
    node.name = fmt::format("name-{}", index);
    node.instance_id = fmt::format("i-0a{:015x}", index);
    node.address = fmt::format("10.{}.{}.{}", index >> 16, (index >> 8) & 255, index & 255);
    inventory.nodes.push_back(node);
  }
  return inventory;
}

// When each term looked at each node, this took 10^10 comparisons of strings: minutes on any machine.
TEST(Selection, CostsItsTermsAndTheNodesAndNotTheirProduct) {
  const auto inventory = many(100'000);
  std::string terms;
  for (const auto& node : inventory.nodes) {
    const auto number = node.index % 4;
    terms += (terms.empty() ? "" : ",") + (number == 0   ? std::to_string(node.index)
                                           : number == 1 ? node.address
                                           : number == 2 ? node.instance_id
                                                         : node.name);
  }
  const auto nodes = select_nodes(inventory, {terms}, {});
  ASSERT_TRUE(nodes) << nodes.error().message;
  EXPECT_EQ(nodes->size(), 100'000U);
}

// Ranges in a name and groups in groups multiply: without a limit, these would take hours and years.
TEST(Selection, WhoseFewWordsMultiplyIsRefused) {
  std::string ranges = "*";  // of the zeros in the ids
  for (int i = 0; i < 14; ++i) ranges += "[0,0,0,0]*";
  SelectionContext context;
  context.groups["g8"] = "1-6";
  for (int level = 7; level > 0; --level) {
    auto& group = context.groups[fmt::format("g{}", level)];
    for (int i = 0; i < 200; ++i) group += fmt::format("{}@g{}", i == 0 ? "" : ",", level + 1);
  }
  for (const auto& text : {ranges, std::string("@g1")})
    EXPECT_NE(chosen({text}, {}, context).find("write fewer ranges"), std::string::npos)
        << chosen({text}, {}, context);
}

TEST(Selection, GapsInTheIndicesAreNoNodes) {
  Inventory inventory = six();
  inventory.nodes.erase(inventory.nodes.begin() + 2);
  const auto nodes = select_nodes(inventory, {"2-4"}, {});
  ASSERT_TRUE(nodes);
  EXPECT_EQ(nodes->size(), 2U);
  EXPECT_FALSE(select_nodes(inventory, {"3"}, {}));
}

TEST(FoldIndices, IsTheShortestForm) {
  EXPECT_EQ(fold_indices({}), "");
  EXPECT_EQ(fold_indices({4}), "4");
  EXPECT_EQ(fold_indices({1, 2, 3, 6}), "1-3,6");
  EXPECT_EQ(fold_indices({1, 2}), "1-2");
  EXPECT_EQ(fold_indices({1, 3, 5}), "1,3,5");
}

TEST(Selection, EveryColumnThatNodesShowsSelects) {
  for (const auto& [text, indices] :
       {Case{"index=1", "1"}, Case{"role=worker", "2-6"}, Case{"id=i-0a00*4", "4"}, Case{"Type=c5n*", "1-6"},
        Case{"type=C5N.LARGE", "2-6"}, Case{"address=203.0.113.[23]", "2-3"}, Case{"ROLE=Master", "1"},
        Case{"private_address=10.0.0.5", "5"}, Case{"I-0A000000000000006", "6"}, Case{"I-0A*6", "6"}})
    EXPECT_EQ(chosen({text}), indices) << text;
  EXPECT_EQ(chosen({"state=running"}),
            "'state=running' selects no node; the columns are index, role, name, id, type, address, "
            "public_address, private_address, ipv6, launched");
  EXPECT_EQ(chosen({"name=WEB-*"}), "'name=WEB-*' selects no node; `ec2mpi nodes` shows what there is");
}

TEST(Selection, AFailureAsItIsPrintedSelectsItsNodes) {
  for (const auto& [text, indices] :
       {Case{"node[1-2,4] (3): exit 1", "1-2,4"}, Case{"node1:", "1"},
        Case{"node[1-2] (2): connection refused, try again", "1-2"}, Case{"node3: exit 1", "3"}})
    EXPECT_EQ(chosen({text}), indices) << text;
  EXPECT_EQ(chosen({"node1:22"}).find("'node1:22' selects no node"), 0U);
}

}  // namespace
}  // namespace ec2mpi
