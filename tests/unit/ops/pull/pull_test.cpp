// What a pull asks for, and what becomes of the answers: plans, wildcards, listings, choices, parts.

#include "ec2mpi/ops/pull/pull.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/pull/remote_glob.hpp"
#include "src/ops/pull/archive.hpp"
#include "src/ops/pull/choice.hpp"
#include "src/ops/pull/listing.hpp"
#include "src/ops/pull/parts.hpp"
#include "src/ops/pull/sums.hpp"
#include "src/ops/pull/unsized.hpp"

namespace ec2mpi::ops {
namespace {

namespace fs = std::filesystem;

class PullTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ec2mpi-pull-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    node.index = 3;
    node.address = "203.0.113.13";
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  [[nodiscard]] std::string at(const std::string& name) const { return (folder / name).string(); }
  [[nodiscard]] Result<PullPlan> plan(const std::vector<std::string>& sources, const std::string& target,
                                      PullLayout layout = PullLayout::as_named) const {
    return pull_plan(sources, target, node, layout);
  }

  fs::path folder;
  Node node;
};

TEST_F(PullTest, APlanForOneNodeIsScps) {
  fs::create_directory(folder / "dir");
  std::ofstream(folder / "file") << "";
  const auto renamed = plan({"a/log"}, at("new"));
  ASSERT_TRUE(renamed);
  EXPECT_EQ(renamed->folder, folder);
  EXPECT_EQ(renamed->rename, "new");
  for (const auto& target : {"dir", "missing/"}) {
    const auto inside = plan({"a/log"}, at(target));
    ASSERT_TRUE(inside);
    EXPECT_EQ(inside->folder, folder / target);
    EXPECT_EQ(inside->rename, "");
    EXPECT_EQ(inside->sources.front().name, "log");
  }
  EXPECT_EQ(plan({"a", "b"}, at("new"))->folder, folder / "new");
  EXPECT_EQ(plan({"*.csv"}, at("new"))->folder, folder / "new");
  EXPECT_EQ(plan({"a"}, "new")->folder, ".");
  EXPECT_FALSE(plan({"a"}, at("file"), PullLayout::per_node));
  EXPECT_FALSE(plan({"a", "b"}, at("file")));
  EXPECT_FALSE(plan({"x/a", "y/a"}, at("dir")));
  EXPECT_FALSE(plan({"a"}, ""));
}

TEST_F(PullTest, ALinkAsTargetIsWrittenThrough) {
  fs::create_directories(folder / "elsewhere");
  fs::create_symlink("elsewhere/real", folder / "second");
  fs::create_symlink(folder / "second", folder / "first");
  const auto through = plan({"a"}, at("first"));
  ASSERT_TRUE(through) << "whether the file is there or not";
  EXPECT_EQ(through->folder, folder / "elsewhere");
  EXPECT_EQ(through->rename, "real");
  fs::create_symlink("circle", folder / "circle");
  const auto circle = plan({"a"}, at("circle"));
  ASSERT_FALSE(circle);
  EXPECT_EQ(circle.error().message,
            "cannot follow the link " + at("circle") + ": Too many levels of symbolic links");
}

TEST_F(PullTest, PlansForManyNodes) {
  EXPECT_EQ(pull_layout("out", 1, false), PullLayout::as_named);
  EXPECT_EQ(pull_layout("out", 2, false), PullLayout::per_node);
  EXPECT_EQ(pull_layout("out/{role}", 2, false), PullLayout::per_node);
  EXPECT_EQ(pull_layout("out/{node}", 2, false), PullLayout::as_named);
  EXPECT_EQ(pull_layout("out/{node}", 2, true), PullLayout::flat);
  EXPECT_EQ(plan({"a"}, at("new"), PullLayout::per_node)->folder, folder / "new/node3");
  const auto flat = plan({"a"}, at("new"), PullLayout::flat);
  EXPECT_EQ(flat->folder, folder / "new");
  EXPECT_EQ(flat->suffix, ".node3");
  const auto filled = plan({"out/{index}.csv"}, at("{node}.csv"));
  EXPECT_EQ(filled->sources.front().path, "./out/3.csv");
  EXPECT_EQ(filled->rename, "node3.csv");
}

/// A file's own name may look like a placeholder.
TEST_F(PullTest, ErrorsAboutAFilledInNameShowWhatWasTyped) {
  constexpr const char* kNote = "; '{node}.txt' was typed, and {...} in it stands for a node's own";
  EXPECT_EQ(plan({"{node}.txt"}, at("new"))->sources.front().filled_in, kNote);
  EXPECT_EQ(plan({"plain.txt"}, at("new"))->sources.front().filled_in, "");
  const auto twice = plan({"node3.txt", "{node}.txt"}, at("new"));
  ASSERT_FALSE(twice);
  EXPECT_TRUE(twice.error().message.ends_with(kNote)) << twice.error().message;
}

TEST(RemoteGlob, OnlyWildcardsStandOutsideOfQuotes) {
  EXPECT_FALSE(remote_glob("./plain $(id) `id` ; name"));
  EXPECT_FALSE(remote_glob("./open[bracket"));
  EXPECT_FALSE(remote_glob("./a\\*b"));
  EXPECT_EQ(remote_glob("./r/*.csv")->shell, "./r/*.csv");
  EXPECT_EQ(remote_glob("./$(id)*;`x`?")->shell, "'./$(id)'*';`x`'?");
  EXPECT_EQ(remote_glob("./it's*")->shell, "'./it'\\''s'*");
  EXPECT_EQ(remote_glob("./[!a-c]x")->shell, "./[!a-c]x");
  EXPECT_EQ(remote_glob("./[^a]")->shell, "./[!a]");
  EXPECT_EQ(remote_glob("./[[:digit:]]")->shell, "./[[:digit:]]");
  EXPECT_EQ(remote_glob("./[$;a]")->shell, "./['$'';'a]");
  EXPECT_EQ(remote_glob("./~*{a,b}")->shell, "'./~'*'{a,b}'");
  EXPECT_EQ(remote_glob("./a\\*b*")->shell, "'./a*b'*");
}

TEST(RemoteGlob, NamesOfWhatMatched) {
  const auto name = [](const char* typed, const char* matched) {
    return remote_glob(typed)->name_of(matched).value_or("refused");
  };
  EXPECT_EQ(name("./r/*.csv", "./r/a.csv"), "a.csv");
  EXPECT_EQ(name("./run*/log", "./run1/log"), "run1/log");
  EXPECT_EQ(name("/data/*/x/*.csv", "/data/a/x/b.csv"), "a/x/b.csv");
  EXPECT_EQ(name("./*/", "./dir/"), "dir");
  EXPECT_EQ(name("./[ab]", "./b"), "b");
  EXPECT_EQ(name("./[!a]", "./b"), "b");
  EXPECT_EQ(name("./[[:digit:]]", "./7"), "7");
  EXPECT_EQ(name("./a\\*b*", "./a*bc"), "a*bc");
  EXPECT_EQ(name("./r/*.csv", "./r/key.pem"), "refused");
  EXPECT_EQ(name("./r/*", "./q/a"), "refused");
  EXPECT_EQ(name("./r/*", "./r/a/b"), "refused");
  EXPECT_EQ(name("./r/*", "./r/.ssh"), "refused");
  EXPECT_EQ(name("./r/*", "./r/.."), "refused");
  EXPECT_EQ(name("./?*/x", "./../x"), "refused");
  EXPECT_EQ(name("./.*", "./.."), "refused");
  EXPECT_EQ(name("./r/*", ""), "refused");
}

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
    EXPECT_EQ(sources[0].path, "/h/./a");
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
                           record("source", "./link", "/srv/file") + record("end")));
  std::vector<std::string> seen;
  for (const auto& source : listing.take()) seen.push_back(source.matched + " " + source.path);
  EXPECT_EQ(seen, (std::vector<std::string>{"/ ", "/srv/x /srv/x", "./d/ /h/./d", "./link /srv/file"}));
}

class ChoiceTest : public PullTest {
 protected:
  void SetUp() override {
    PullTest::SetUp();
    tree = std::make_unique<SafeTree>(*SafeTree::open(folder));
  }
  static RemoteItem file(const std::string& below, std::uint64_t size, std::uint32_t nanoseconds = 5) {
    return {.type = TarType::file,
            .mode = 0644,
            .size = size,
            .allocated = size,
            .mtime = 1000,
            .nanoseconds = nanoseconds,
            .below = below};
  }
  void here(const std::string& place, const std::string& text, unsigned mode = 0644) const {
    ASSERT_TRUE(tree->begin_file(place, {.mode = mode, .mtime = 1000, .nanoseconds = 5}));
    ASSERT_TRUE(tree->write(text));
    ASSERT_TRUE(tree->end_file());
  }
  Result<PullChoice> choose(const PullPlan& plan, const std::vector<RemoteSource>& sources) const {
    return choose_wanted(plan, sources, tree.get());
  }

  std::unique_ptr<SafeTree> tree;
};

TEST_F(ChoiceTest, OnlyWhatDiffersIsWanted) {
  here("d/same", "four");
  here("d/newer", "four");
  here("d/longer", "four");
  here("d/mode", "four", 0600);
  const auto choice =
      choose(*plan({"d"}, at("")), {{.matched = "./d",
                                     .path = "/h/d",
                                     .items = {file("same", 4), file("newer", 4, 6), file("longer", 5),
                                               file("mode", 4), file("missing", 7)}}});
  ASSERT_TRUE(choice);
  std::vector<std::string> wanted;
  for (const auto& want : choice->files) wanted.push_back(want.place + " " + want.path);
  EXPECT_EQ(wanted, (std::vector<std::string>{"d/newer /h/d/newer", "d/longer /h/d/longer",
                                              "d/missing /h/d/missing"}));
  EXPECT_EQ(choice->kept.size(), 2U);
  ASSERT_EQ(choice->attributes.size(), 1U);
  EXPECT_EQ(choice->attributes[0].place, "d/mode");
  EXPECT_EQ(choice->bytes, 16U);
}

TEST_F(ChoiceTest, Places) {
  const auto place = [this](const PullPlan& plan, const std::string& matched, const std::string& below) {
    const auto choice = choose(plan, {{.matched = matched, .path = "/p", .items = {file(below, 1)}}});
    return choice ? choice->files.at(0).place : choice.error().message;
  };
  EXPECT_EQ(place(*plan({"a/log"}, at("new")), "./a/log", ""), "new");
  EXPECT_EQ(place(*plan({"a/log"}, at("")), "./a/log", "x/y"), "log/x/y");
  EXPECT_EQ(place(*plan({"a/."}, at("new")), "./a/.", "x/y"), "x/y");
  EXPECT_EQ(place(*plan({"a/log"}, at("new"), PullLayout::flat), "./a/log", ""), "log.node3");
  EXPECT_EQ(place(*plan({"a/log"}, at("new"), PullLayout::flat), "./a/log", "x/y"), "log.node3/x/y");
  EXPECT_EQ(place(*plan({"a/."}, at("new"), PullLayout::flat), "./a/.", "x/y"), "x.node3/y");
  EXPECT_EQ(place(*plan({"r*/log"}, at("new"), PullLayout::flat), "./r1/log", ""), "r1/log.node3");
}

TEST_F(ChoiceTest, WhatWasNotAskedForIsRefused) {
  const auto plans = *plan({"*.csv"}, at("new"));
  const auto refused = choose(plans, {{.matched = "./key.pem", .path = "/p", .items = {file("", 1)}}});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("not asked for"), std::string::npos);
  for (const auto* below : {"../x", "a/../../x", ".."}) {
    EXPECT_FALSE(choose(*plan({"d"}, at("")), {{.matched = "./d", .path = "/p", .items = {file(below, 1)}}}))
        << below;
  }
}

TEST_F(ChoiceTest, TwoOfOneNameAreAnError) {
  const auto twice = choose(*plan({"d", "[d]"}, at("x/")), {{.matched = "./d", .path = "/p", .items = {}},
                                                            {.matched = "./d", .path = "/p", .items = {}}});
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().message.find("two files"), std::string::npos);
}

TEST_F(ChoiceTest, SizesThatALiarSendsAddUpToMuch) {
  const auto huge = std::uint64_t{1} << 60;
  std::vector<RemoteItem> items;
  for (int i = 0; i < 40; ++i) items.push_back(file(std::to_string(i), huge));
  const auto choice = choose(*plan({"d"}, at("")), {{.matched = "./d", .path = "/p", .items = items}});
  ASSERT_TRUE(choice);
  EXPECT_GE(choice->bytes, huge);
}

TEST_F(ChoiceTest, SizesDoNotSufficeWhereContentsAreCompared) {
  here("d/same", "four");
  here("d/longer", "four");
  const auto choice = choose_wanted(
      *plan({"d"}, at("")),
      {{.matched = "./d", .path = "/h/d", .items = {file("same", 4), file("longer", 5), file("missing", 7)}}},
      tree.get(), {}, true);
  ASSERT_TRUE(choice);
  ASSERT_EQ(choice->doubtful.size(), 1U);
  EXPECT_EQ(choice->doubtful[0].place, "d/same");
  EXPECT_EQ(choice->files.size(), 2U);
}

TEST_F(ChoiceTest, ADevicePipeOrSocketIsNotReplaced) {
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const auto choice =
      choose(*plan({"f"}, at("pipe")), {{.matched = "./f", .path = "/h/f", .items = {file("", 4)}}});
  ASSERT_FALSE(choice);
  EXPECT_EQ(choice.error().kind, ErrorKind::local_io);
  EXPECT_EQ(choice.error().message,
            at("pipe") + " here is a device, pipe or socket, and is not replaced by a file");
}

TEST_F(ChoiceTest, WhatIsLeftOut) {
  PathFilter exclude;
  exclude.add_rule("*.o");
  exclude.add_rule("cache/");
  const auto root = [](const std::string& matched, std::vector<RemoteItem> items) {
    return RemoteSource{.matched = matched, .path = "/h/" + matched, .items = std::move(items)};
  };
  const RemoteItem folder_itself{.type = TarType::directory, .mode = 0755};
  const auto choice =
      choose_wanted(*plan({"d", "named.o", "*"}, at("")),
                    {root("./d", {folder_itself, file("a", 1)}), root("./named.o", {file("", 1)}),
                     root("./found.o", {file("", 1)}), root("./cache", {folder_itself, file("x", 1)}),
                     root("./found.c", {file("", 1)})},
                    tree.get(), exclude);
  ASSERT_TRUE(choice);
  std::vector<std::string> wanted;
  for (const auto& want : choice->files) wanted.push_back(want.place);
  EXPECT_EQ(wanted, (std::vector<std::string>{"d/a", "named.o", "found.c"}));
}

TEST_F(ChoiceTest, AnArchiveBringsOnlyWhatWasAskedFor) {
  const auto choice =
      choose(*plan({"d"}, at("")), {{.matched = "./d", .path = "/h/d", .items = {file("grown", 4)}}});
  ASSERT_TRUE(choice);
  const auto unpack = [&](const std::string& name, std::uint64_t most, bool as_listed) -> Result<void> {
    PullArchive archive(choice->files, *tree, most, as_listed, [](std::uint64_t) {});
    TarDecoder decoder(archive);
    std::string sent = encode_tar_header({.name = name, .size = 9, .mtime = 2000}) + "four more";
    sent.append(tar_padding(9), '\0');
    return decoder.feed(sent + tar_end());
  };
  ASSERT_TRUE(unpack("h/d/grown", 100, false)) << "some tars leave the slash away";
  EXPECT_EQ((*tree->look("d/grown"))->size, 9U);
  EXPECT_EQ((*tree->look("d/grown"))->mtime, 2000)
      << "it is not what was listed, so the next pull looks again";
  ASSERT_TRUE(unpack("/h/d/grown", 100, true));
  EXPECT_EQ((*tree->look("d/grown"))->size, 4U);
  EXPECT_EQ((*tree->look("d/grown"))->mtime, 1000);
  EXPECT_EQ((*tree->look("d/grown"))->nanoseconds, 5U);
  EXPECT_FALSE(unpack("/h/d/grown", 8, false)) << "more than fits";
  EXPECT_FALSE(unpack("/h/d/other", 100, false));
  EXPECT_FALSE(unpack("d/grown", 100, false));
}

TEST_F(ChoiceTest, WhatAnArchiveLacksIsTold) {
  const auto choice =
      choose(*plan({"d"}, at("")),
             {{.matched = "./d", .path = "/h/d", .items = {file("a.c", 4), file("a.o", 4), file("b.o", 4)}}});
  ASSERT_TRUE(choice);
  PullArchive archive(choice->files, *tree, 100, false, [](std::uint64_t) {});
  TarDecoder decoder(archive);
  std::string sent = encode_tar_header({.name = "/h/d/a.c", .size = 4, .mtime = 1000}) + "four";
  sent.append(tar_padding(4), '\0');
  ASSERT_TRUE(decoder.feed(sent + tar_end()));
  const auto missing = archive.missing();
  ASSERT_EQ(missing.size(), 2U);
  EXPECT_EQ(missing.front()->path, "/h/d/a.o");
}

TEST_F(ChoiceTest, AMemberIsAboutAsLargeAsItWasListed) {
  const auto choice =
      choose(*plan({"d"}, at("")), {{.matched = "./d", .path = "/h/d", .items = {file("log", 1000)}}});
  ASSERT_TRUE(choice);
  const auto begin = [&](std::uint64_t size, std::int64_t mtime) {
    PullArchive archive(choice->files, *tree, ~std::uint64_t{0}, false, [](std::uint64_t) {});
    TarDecoder decoder(archive);
    return decoder.feed(encode_tar_header({.name = "/h/d/log", .size = size, .mtime = mtime}));
  };
  EXPECT_TRUE(begin(64'002'000, 1000)) << "files grow";
  const auto refused = begin(64'002'001, 1000);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("pull again"), std::string::npos);
}

TEST_F(ChoiceTest, AMemberThatIsCutAndNotChangedCountsAsMissing) {
  const auto choice =
      choose(*plan({"d"}, at("")), {{.matched = "./d", .path = "/h/d", .items = {file("log", 1000)}}});
  ASSERT_TRUE(choice);
  const auto missing_after = [&](std::uint64_t size, std::int64_t mtime) {
    PullArchive archive(choice->files, *tree, ~std::uint64_t{0}, false, [](std::uint64_t) {});
    TarDecoder decoder(archive);
    EXPECT_TRUE(decoder.feed(encode_tar_header({.name = "/h/d/log", .size = size, .mtime = mtime})));
    return archive.missing().size();
  };
  EXPECT_EQ(missing_after(999, 1000), 1U);
  EXPECT_EQ(missing_after(1000, 1000), 0U);
  EXPECT_EQ(missing_after(999, 2000), 0U) << "rewritten meanwhile";
}

TEST_F(ChoiceTest, WhatIsNamedAndNoFileIsRefused) {
  const RemoteItem folder_itself{.type = TarType::directory, .mode = 0755};
  const RemoteItem pipe{.type = TarType::other, .below = ""};
  const RemoteItem inner{.type = TarType::other, .below = "inner"};
  const auto choice = choose(*plan({"pipe", "d", "*"}, at("")),
                             {{.matched = "./pipe", .path = "/h/pipe", .items = {pipe}},
                              {.matched = "./d", .path = "/h/d", .items = {folder_itself, inner}},
                              {.matched = "./found", .path = "/h/found", .items = {pipe}}});
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->refused, std::vector<std::string>{"/h/pipe"});
  EXPECT_EQ(choice->skipped, (std::vector<std::string>{"/h/d/inner", "/h/found"}));
}

TEST_F(ChoiceTest, FilesOfUnknownSizeAreReadToTheirEnd) {
  const auto choice =
      choose(*plan({"d"}, at("")),
             {{.matched = "./d", .path = "/h/d", .items = {file("a", 0), file("b", 0), file("c", 0)}}});
  ASSERT_TRUE(choice);
  UnsizedFiles files(choice->files, *tree, 6, [](std::uint64_t) {});
  for (const auto* part : {" 00", " 4", "1\n ff", "\n", ".\n!", "\n.\n"})
    ASSERT_TRUE(files.feed(part)) << part;
  EXPECT_EQ(files.arrived(), 2U);
  EXPECT_EQ((*tree->look("d/a"))->size, 3U);
  EXPECT_FALSE(*tree->look("d/b"));
  EXPECT_EQ((*tree->look("d/c"))->size, 0U);
  EXPECT_FALSE(files.feed("00")) << "more than was asked for";
  for (const auto* wrong : {"0.", "0g", "/", "00 00 00 00 00 00 00 ."}) {
    UnsizedFiles other(choice->files, *tree, 6, [](std::uint64_t) {});
    EXPECT_FALSE(other.feed(wrong)) << wrong;
  }
}

TEST(FileParts, AreWrittenInOrder) {
  const std::uint64_t size = 3 * FileParts::kPart + 10;
  FileParts parts(5, size);
  std::vector<FilePart> taken;
  while (const auto part = parts.take()) taken.push_back(*part);
  ASSERT_EQ(taken.size(), 4U);
  EXPECT_EQ(taken.front().from, 5U);
  EXPECT_EQ(taken.back().to, size);
  std::uint64_t written = 5;
  const auto write = [&written](std::string_view bytes) {
    written += bytes.size();
    return Result<void>{};
  };
  for (auto part = taken.rbegin(); part != taken.rend(); ++part) {  // the last ones first
    EXPECT_EQ(written, 5U);
    const std::string bytes(static_cast<std::size_t>(part->to - part->from), 'x');
    ASSERT_TRUE(parts.accept(part->from, std::string_view(bytes).substr(0, 1), write));
    ASSERT_TRUE(parts.accept(part->from + 1, std::string_view(bytes).substr(1), write));
  }
  EXPECT_EQ(written, size);
  EXPECT_TRUE(parts.complete());
}

TEST(FileParts, GoNotFarAheadAndComeBackFromABrokenStream) {
  FileParts parts(0, 10 * FileParts::kAhead);
  std::uint64_t asked = 0;
  FilePart last;
  while (const auto part = parts.take()) {
    last = *part;
    asked = part->to;
  }
  EXPECT_TRUE(parts.full());
  EXPECT_EQ(asked, FileParts::kAhead);
  parts.give_back({last.from + 7, last.to});
  EXPECT_FALSE(parts.full());
  const auto again = parts.take();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->from, last.from + 7);
  EXPECT_FALSE(parts.take());
}

}  // namespace
}  // namespace ec2mpi::ops
