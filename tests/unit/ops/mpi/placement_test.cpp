#include "ec2mpi/ops/mpi/placement.hpp"

#include <gtest/gtest.h>

#include "ec2mpi/ops/mpi/map_by.hpp"

namespace ec2mpi {
namespace {

/// Nodes with these cores, two threads a core.
std::vector<Place> nodes(const std::vector<int>& cores) {
  std::vector<Place> places;
  for (const int count : cores) {
    const auto index = static_cast<std::uint32_t>(places.size() + 1);
    places.push_back({"node" + std::to_string(index), Ipv4{0x0a000000U + index}, count, 2 * count});
  }
  return places;
}

std::vector<int> ranks(const Result<std::vector<Place>>& places) {
  std::vector<int> found;
  if (!places) return found;
  for (const auto& place : *places) found.push_back(place.ranks);
  return found;
}

const Slots kCores{Slots::Kind::cores};
const Slots kThreads{Slots::Kind::threads};
using Counts = std::vector<int>;

TEST(Placement, FillsEverySlotIfNothingIsSaid) {
  EXPECT_EQ(ranks(place_ranks(nodes({2, 2, 2}), {}, kCores)), (Counts{2, 2, 2}));
  EXPECT_EQ(ranks(place_ranks(nodes({2, 8}), {}, kCores)), (Counts{2, 8}));
  EXPECT_EQ(ranks(place_ranks(nodes({2, 8}), {}, kThreads)), (Counts{4, 16}));
  EXPECT_EQ(ranks(place_ranks(nodes({2, 8}), {}, Slots{Slots::Kind::fixed, 3})), (Counts{3, 3}));
  EXPECT_EQ(ranks(place_ranks(nodes({2, 8}), {.per_node = 5}, kCores)), (Counts{5, 5}));
}

TEST(Placement, ANumberOfNodesTakesTheFirstThatHaveRoom) {
  EXPECT_EQ(ranks(place_ranks(nodes({2, 2, 2}), {.nodes = 2}, kCores)), (Counts{2, 2, 0}));
  EXPECT_EQ(ranks(place_ranks(nodes({1, 2, 2}), {.np = 3, .nodes = 2}, kCores)), (Counts{0, 2, 1}));
  EXPECT_EQ(place_ranks(nodes({1, 2, 2}), {.np = 6, .nodes = 2}, kCores).error().message,
            "6 ranks on 2 nodes need room for 3 on each; only 0 of 3 have it (2 nodes x 2 cores + 1 node x 1 "
            "core); use "
            "--per-node 3");
}

TEST(Placement, WhatAJobInAQueueNeeds) {
  EXPECT_EQ(need_of(nodes({2, 4}), {}, kCores), (Need{6, 0}));
  EXPECT_EQ(need_of(nodes({2, 4}), {.nodes = 2}, kCores), (Need{4, 2}));
  EXPECT_EQ(need_of(nodes({2, 4}), {.per_node = 3, .nodes = 1}, kCores), (Need{3, 1}));
  EXPECT_FALSE(need_of(nodes({2, 4}), {.np = 7}, kCores).has_value());
  EXPECT_EQ(first_fit({2, 4, 4}, {5, 0}), (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(first_fit({2, 4, 4}, {6, 2}), (std::vector<std::size_t>{1, 2}));
}

TEST(Placement, TakesSlotsOfTheListBeforeCoresUnlessToldOtherwise) {
  auto listed = nodes({2, 2});
  listed[0].listed = 4;
  EXPECT_EQ(ranks(place_ranks(listed, {}, {})), (Counts{4, 2}));
  EXPECT_EQ(ranks(place_ranks(listed, {}, kCores)), (Counts{2, 2}));
  EXPECT_EQ(place_ranks(listed, {.np = 9}, {}).error().message,
            "9 ranks, 6 slots (1 node x 4 slots + 1 node x 2 slots); use --per-node 5");
}

TEST(Placement, SpreadsRanksEvenlyWithinTheSlots) {
  EXPECT_EQ(ranks(place_ranks(nodes({2, 2, 2, 2}), {.np = 4}, kCores)), (Counts{1, 1, 1, 1}));
  EXPECT_EQ(ranks(place_ranks(nodes({2, 2, 2, 2}), {.np = 5}, kCores)), (Counts{2, 1, 1, 1}));
  EXPECT_EQ(ranks(place_ranks(nodes({2, 2, 2, 2}), {.np = 1}, kCores)), (Counts{1, 0, 0, 0}));
  EXPECT_EQ(ranks(place_ranks(nodes({1, 8}), {.np = 7}, kCores)), (Counts{1, 6}));
  EXPECT_EQ(ranks(place_ranks(nodes({2, 2}), {.np = 7, .per_node = 4}, kCores)), (Counts{4, 3}));
}

TEST(Placement, MapByGetsTheSlotsThatItsWordNeeds) {
  const auto hosts = [](Ranks wanted, const char* map_by) {
    auto places = nodes({2, 2, 2});
    places[2].busy = true;
    const auto placed = place_ranks_by(map_by, std::move(places), wanted, kCores);
    return placed ? hostfile(*placed) : placed.error().message;
  };
  const std::string one = "10.0.0.1 slots=2\n";
  const auto two = one + "10.0.0.2 slots=2\n";
  EXPECT_EQ(hosts({.np = 2}, "slot"), one);
  EXPECT_EQ(hosts({.np = 3, .per_node = 2}, "ppr:2:node"), two);
  EXPECT_EQ(hosts({.np = 2}, "node"), two);
  EXPECT_EQ(hosts({.np = 2}, "slot:PE=2"), two);
  EXPECT_EQ(hosts({.np = 2}, "ppr:1:socket"), two);
  EXPECT_EQ(hosts({.np = 5}, "core"), two + "10.0.0.3 slots=2\n");
  EXPECT_EQ(hosts({.np = 2, .nodes = 2}, "slot"), one);
  EXPECT_EQ(hosts({.np = 2}, ""), "10.0.0.1 slots=1\n10.0.0.2 slots=1\n");
}

TEST(Placement, PprOfNodesSaysHowManyRanksANodeTakes) {
  EXPECT_EQ(ranks_a_node("ppr:12:node"), 12);
  for (const auto* word :
       {"", "slot", "ppr", "ppr:2:socket", "ppr:x:node", "ppr:2:node:SPAN", "ppr:9999999999:node"})
    EXPECT_EQ(ranks_a_node(word), 0) << word;
}

TEST(Placement, OpenMpisWordsMeanTheSameInAnyCaseAndShort) {
  for (const auto& [given, plain] : std::initializer_list<std::pair<const char*, const char*>>{
           {"", ""},
           {"NODE", "node"},
           {"Slo", "slot"},
           {"n", "n"},
           {"Node:PE=2", "node:PE=2"},
           {"PPR:2:NODE", "ppr:2:node"},
           {":OVERSUBSCRIBE", ":OVERSUBSCRIBE"},
           {"Rankfile:FILE=/A/B", "rankfile:FILE=/A/B"}})
    EXPECT_EQ(plain_map_by(given), plain);
}

TEST(Placement, OfWordsWithOptionsOnlyMpirunKnows) {
  for (const auto* word : {"", "slot", "node", "l3cache", "ppr:2:node"})
    EXPECT_TRUE(is_foreseen(word)) << word;
  for (const auto* word :
       {"node:span", "node:PE=2", "ppr:1:node:PE=2", "ppr:1:socket", ":OVERSUBSCRIBE", "seq", "n"})
    EXPECT_FALSE(is_foreseen(word)) << word;
}

TEST(Placement, RefusesWordsThatOpenMpiDoesNotKnow) {
  for (const auto* word : {"", "slot", "NODE", "socket:PE=2", "ppr:2:node", "ppr:1:socket:SPAN",
                           ":OVERSUBSCRIBE", "l3", "pe-list=0,1:ordered", "seq", "dist:auto"})
    EXPECT_TRUE(check_map_by(word)) << word;
  for (const auto* word : {"nodes", "foo", "ppr", "ppr:3", "ppr:x:node", "node,slot"})
    EXPECT_FALSE(check_map_by(word)) << word;
  EXPECT_EQ(check_map_by("ppr:3").error().message,
            "--map-by ppr:3: Open MPI takes ppr:N:OBJECT, such as ppr:2:node");
  EXPECT_TRUE(check_rank_by("") && check_rank_by("node") && check_rank_by("fill"));
  EXPECT_EQ(check_rank_by("foo").error().message.find(
                "--rank-by foo: Open MPI does not know 'foo', but slot, node, "),
            0U);
}

TEST(Placement, KnowsTheNodeOfEachRank) {
  auto places = nodes({4, 4, 4});
  places[0].ranks = 2;
  places[1].ranks = 1;
  places[2].ranks = 1;
  using Labels = std::vector<std::string>;
  EXPECT_EQ(labels_by_rank("slot", places), (Labels{"node1", "node1", "node2", "node3"}));
  EXPECT_EQ(labels_by_rank("node", places), (Labels{"node1", "node2", "node3", "node1"}));
  places[1].spare = 2;
  EXPECT_EQ(labels_by_rank("slot", places), (Labels{"node1", "node1", "node2", "node2"}));
  EXPECT_EQ(labels_by_rank("socket", places), Labels());
}

TEST(Placement, RefusesTooManyRanksWithTheArithmetic) {
  const auto refusal = [](std::vector<Place> places, Ranks wanted, Slots slots) {
    const auto placed = place_ranks(std::move(places), wanted, slots);
    return placed ? "placed" : placed.error().message;
  };
  EXPECT_EQ(refusal(nodes({2, 2, 2, 2, 2, 2}), {.np = 24}, kCores),
            "24 ranks, 12 slots (6 nodes x 2 cores); use --per-node 4 or --slots threads");
  EXPECT_EQ(refusal(nodes({2, 2, 2, 2, 2, 2}), {.np = 25}, kCores),
            "25 ranks, 12 slots (6 nodes x 2 cores); use --per-node 5");
  EXPECT_EQ(refusal(nodes({1}), {.np = 3}, kThreads),
            "3 ranks, 2 slots (1 node x 2 threads); use --per-node 3");
  EXPECT_EQ(refusal(nodes({2, 8, 2}), {.np = 13}, kCores),
            "13 ranks, 12 slots (1 node x 8 cores + 2 nodes x 2 cores); use --per-node 5 or --slots threads");
  EXPECT_EQ(refusal(nodes({2, 2}), {.np = 9, .per_node = 4}, kCores),
            "9 ranks, 8 slots (2 nodes x 4 ranks); use --per-node 5");
}

TEST(Placement, KnowsWhereRanksMustYield) {
  EXPECT_FALSE(oversubscribed(*place_ranks(nodes({2, 8}), {}, kCores)));
  EXPECT_TRUE(oversubscribed(*place_ranks(nodes({2, 8}), {.np = 8, .per_node = 4}, kCores)));
  EXPECT_TRUE(oversubscribed(*place_ranks(nodes({2, 2}), {}, kThreads)));
}

TEST(Hostfile, HasExactSlotsAndLeavesIdleNodesOut) {
  const auto placed = *place_ranks(nodes({2, 2, 2}), {.np = 2}, kCores);
  EXPECT_EQ(hostfile(placed), "10.0.0.1 slots=1\n10.0.0.2 slots=1\n");
  EXPECT_EQ(address_list(placed), "10.0.0.1\n10.0.0.2\n10.0.0.3\n");
}

TEST(Slots, AreCoresThreadsOrANumber) {
  EXPECT_EQ(*parse_slots("cores"), kCores);
  EXPECT_EQ(*parse_slots("threads"), kThreads);
  EXPECT_EQ(parse_slots("12")->count, 12);
  for (const auto* text : {"", "0", "-1", "core", "2.5", "9999999999"})
    EXPECT_FALSE(parse_slots(text)) << text;
}

TEST(Placement, FreeSlotsLieWhereTheMostCoresAreLeft) {
  std::vector<Place> places{{.label = "node1", .address = *parse_ipv4("10.0.0.11"), .cores = 4, .ranks = 2},
                            {.label = "node2", .address = *parse_ipv4("10.0.0.12"), .cores = 2, .ranks = 2},
                            {.label = "node3", .address = *parse_ipv4("10.0.0.13"), .cores = 1}};
  leave_slots_free(places, 3);
  EXPECT_EQ(hostfile(places), "10.0.0.11 slots=4\n10.0.0.12 slots=2\n10.0.0.13 slots=1\n");
  EXPECT_FALSE(oversubscribed(places));
  leave_slots_free(places, 1);
  EXPECT_TRUE(oversubscribed(places));
}

TEST(Network, IsTheSmallestThatHoldsAll) {
  const auto covering = [](std::initializer_list<const char*> texts) {
    std::vector<Ipv4> addresses;
    for (const auto* text : texts) addresses.push_back(*parse_ipv4(text));
    return covering_network(addresses).text();
  };
  EXPECT_EQ(covering({"10.0.0.11"}), "10.0.0.11/32");
  EXPECT_EQ(covering({"10.0.0.11", "10.0.0.10"}), "10.0.0.10/31");
  EXPECT_EQ(covering({"10.0.0.14", "10.0.0.11", "10.0.0.12"}), "10.0.0.8/29");
  EXPECT_EQ(covering({"172.31.4.9", "172.31.40.1"}), "172.31.0.0/18");
  EXPECT_EQ(covering({"10.0.0.1", "172.16.0.1"}), "0.0.0.0/0");
  const Network network{*parse_ipv4("10.0.0.8"), 29};
  EXPECT_TRUE(network.holds(*parse_ipv4("10.0.0.15")));
  EXPECT_FALSE(network.holds(*parse_ipv4("10.0.0.16")));
  EXPECT_TRUE((Network{Ipv4{0}, 0}.holds(*parse_ipv4("203.0.113.1"))));
}

TEST(Placement, OfFewerRanksThanFitFillsIdleNodesFirst) {
  auto places = nodes({2, 2, 2, 2});
  places[0].busy = places[2].busy = true;
  EXPECT_EQ(ranks(place_ranks(places, {.np = 2}, kCores)), (Counts{0, 1, 0, 1}));
  EXPECT_EQ(ranks(place_ranks(places, {.np = 4}, kCores)), (Counts{0, 2, 0, 2}));
  EXPECT_EQ(ranks(place_ranks(places, {.np = 5}, kCores)), (Counts{1, 2, 0, 2}));
  EXPECT_EQ(ranks(place_ranks(places, {}, kCores)), (Counts{2, 2, 2, 2}));
  EXPECT_EQ(ranks(place_ranks(places, {.np = 2, .nodes = 2}, kCores)), (Counts{0, 1, 0, 1}));
  EXPECT_EQ(ranks(place_ranks(places, {.np = 3, .nodes = 3}, kCores)), (Counts{1, 1, 1, 0}));
}

}  // namespace
}  // namespace ec2mpi
