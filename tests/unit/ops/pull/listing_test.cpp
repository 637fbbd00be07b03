#include "src/ops/pull/listing.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {
namespace {

std::string record(std::string_view meta, std::string_view below = "", std::string_view link = "") {
  return fmt::format("{}{}{}{}{}{}", meta, '\0', below, '\0', link, '\0');
}

const std::string kListing = "welcome\nT\n" + record("home", "/h") + record("source", "./a/.") +
                             record("d 755 4096 8 11 1600000000.5000000000") +
                             record("f 4644 12 8 12 1600000000.1234567890", "sub/new\nline") +
                             record("l 777 3 0 13 -5.0000000000", "link", "to/it") +
                             record("p 600 0 0 14 0", "pipe") + record("end");

TEST(PullListing, IsReadInPartsOfAnySize) {
  for (std::size_t step : {std::size_t{1}, std::size_t{7}, kListing.size()}) {
    std::size_t memory_of_all = 0;
    ListingMemory memory(memory_of_all);
    PullListing listing("T", memory);
    std::string behind;
    const std::string fed = kListing + "rest";
    for (std::size_t i = 0; i < fed.size(); i += step) {
      const auto rest = listing.feed(std::string_view(fed).substr(i, step));
      ASSERT_TRUE(rest) << rest.error().message;
      behind += *rest;
    }
    ASSERT_TRUE(listing.ended());
    EXPECT_EQ(behind, "rest");
    const auto sources = listing.take();
    ASSERT_EQ(sources.size(), 1U);
    EXPECT_EQ(sources[0].path, "/h/a");
    EXPECT_EQ(sources[0].matched, "./a");
    ASSERT_EQ(sources[0].items.size(), 4U);
    const auto& file = sources[0].items[1];
    EXPECT_EQ(file.type, TarType::file);
    EXPECT_EQ(file.mode, 04644U);
    EXPECT_EQ(file.size, 12U);
    EXPECT_EQ(file.allocated, 4096U);
    EXPECT_EQ(file.mtime, 1600000000);
    EXPECT_EQ(file.nanoseconds, 123456789U);
    EXPECT_EQ(file.below, "sub/new\nline");
    EXPECT_EQ(sources[0].items[2].link, "to/it");
    EXPECT_EQ(sources[0].items[2].mtime, -5);
    EXPECT_EQ(sources[0].items[3].type, TarType::other);
  }
}

TEST(PullListing, RefusesWhatMakesNoSense) {
  for (const auto& bad : {record("f 644 12 8 12 1600000000"), record("source 0", "a", "b"),
                          record("source", "", "b"), record("source", "a", "b") + record("f 644 -1 8 12 16"),
                          record("source", "a", "b") + record("f 999 1 8 12 16"),
                          record("source", "a", "b") + record("f 644 99999999999999999999999 8 12 16"),
                          record("source", "a", "b") + record("f 644 1 8 12"), std::string(1 << 20, 'x')}) {
    std::size_t memory_of_all = 0;
    ListingMemory memory(memory_of_all);
    PullListing listing("T", memory);
    EXPECT_FALSE(listing.feed("T\n" + bad)) << printable(bad.substr(0, 50));
  }
  std::size_t memory_of_all = 0;
  ListingMemory memory(memory_of_all);
  PullListing noisy("T", memory);
  EXPECT_FALSE(noisy.feed(std::string(100'000, 'x')));
}

TEST(PullListing, LeavesOutExcludedPathsOfASourceButNotTheSourceItself) {
  PathFilter exclude;
  exclude.add_rule("*.o");
  exclude.add_rule("cache/");
  std::size_t memory_of_all = 0;
  ListingMemory memory(memory_of_all);
  PullListing listing("T", memory, &exclude);
  const auto file = [](std::string_view below) { return record("f 644 1 8 12 16", below); };
  ASSERT_TRUE(listing.feed("T\n" + record("source", "./x.o", "/h/x.o") + file("") + file("a") + file("a.o") +
                           record("d 755 1 8 12 16", "cache") + file("cache/x") + file("sub/b.o") +
                           record("end")));
  std::vector<std::string> below;
  const auto sources = listing.take();
  for (const auto& item : sources.at(0).items) below.push_back(item.below);
  EXPECT_EQ(below, (std::vector<std::string>{"", "a"}));
}

TEST(PullListing, TakesMoreEntriesThanAnyHonestTreeHasFolders) {
  std::size_t memory_of_all = 0;
  ListingMemory memory(memory_of_all);
  PullListing listing("T", memory);
  ASSERT_TRUE(listing.feed("T\n" + record("source", "./d/.")));
  std::string part;
  for (int i = 0; i < 1000; ++i) part += record("f 644 1 8 12 16", "file" + std::to_string(i));
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(listing.feed(part)) << i;
  ASSERT_TRUE(listing.feed(record("end")));
  EXPECT_EQ(listing.take().at(0).items.size(), 300'000U);
}

TEST(PullListing, AllNodesShareTheMemoryForListings) {
  std::size_t memory_of_all = ListingMemory::kMost - 1000;
  {
    ListingMemory memory(memory_of_all);
    PullListing listing("T", memory);
    std::string part = "T\n" + record("source", "./d/.");
    for (int i = 0; i < 100; ++i) part += record("f 644 1 8 12 16", "file" + std::to_string(i));
    EXPECT_FALSE(listing.feed(part));
  }
  EXPECT_EQ(memory_of_all, ListingMemory::kMost - 1000) << "the node has given its share back";
}

TEST(PullListing, FoldersAndTheRootKeepTheirNames) {
  std::size_t memory_of_all = 0;
  ListingMemory memory(memory_of_all);
  PullListing listing("T", memory);
  ASSERT_TRUE(listing.feed("T\n" + record("home", "/h") + record("source", "/.") +
                           record("source", "/srv/x/.") + record("source", "./d//.") +
                           record("source", "./b/./.") + record("source", "./link", "/srv/file") +
                           record("end")));
  std::vector<std::string> seen;
  for (const auto& source : listing.take()) seen.push_back(source.matched + " " + source.path);
  EXPECT_EQ(seen,
            (std::vector<std::string>{"/ ", "/srv/x /srv/x", "./d/ /h/d", "./b/. /h/b", "./link /srv/file"}));
}

}  // namespace
}  // namespace ec2mpi::ops
