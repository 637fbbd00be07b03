// Which files a pull wants, and that archives and streams bring only these.

#include "src/ops/pull/choice.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "src/ops/pull/archive.hpp"
#include "src/ops/pull/unsized.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

class ChoiceTest : public testing::Test {
 protected:
  [[nodiscard]] std::string at(const char* name) const { return folder / name; }
  [[nodiscard]] Result<PullPlan> plan(const std::vector<std::string>& sources, const std::string& target,
                                      PullLayout layout = PullLayout::as_named) const {
    Node node;
    node.index = 3;
    return pull_plan(sources, target, node, layout);
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

  test::ScratchFolder folder;
  std::unique_ptr<SafeTree> tree = std::make_unique<SafeTree>(*SafeTree::open(folder.path()));
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
  const auto twice = choose(*plan({"a/d", "b/[d]"}, at("x/")),
                            {{.matched = "./a/d", .path = "/h/a/d", .items = {file("", 1)}},
                             {.matched = "./b/d", .path = "/h/b/d", .items = {file("", 1)}}});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().message,
            "two files would be called d: /h/a/d and /h/b/d; pull them into different folders");
}

TEST_F(ChoiceTest, TwoFilesOfOnePlaceBelowTheTopAreAnError) {
  const RemoteItem folder_itself{.type = TarType::directory, .mode = 0755};
  const auto sources = [&](std::vector<RemoteItem> in_b) {
    in_b.insert(in_b.begin(), folder_itself);
    return std::vector<RemoteSource>{
        {.matched = "./a/z", .path = "/h/a/z", .items = {folder_itself, file("f", 1)}},
        {.matched = "./b/.", .path = "/h/b", .items = std::move(in_b)}};
  };
  const RemoteItem inner{.type = TarType::directory, .mode = 0755, .below = "z"};
  const RemoteItem link{.type = TarType::symlink, .below = "z", .link = "y"};
  const auto plans = *plan({"a/z", "b/."}, at("x/"));
  const auto meets = choose(plans, sources({inner, file("z/f", 1)}));
  ASSERT_FALSE(meets);
  EXPECT_EQ(meets.error().message,
            "two files would be called z/f: /h/a/z/f and /h/b/z/f; pull them into different folders");
  EXPECT_FALSE(choose(plans, sources({link}))) << "nor is a folder a link";
  const auto joined = choose(plans, sources({inner, file("z/g", 1)}));
  ASSERT_TRUE(joined) << "two folders become one";
  EXPECT_EQ(joined->files.size(), 2U);
  const auto by_wildcards =
      choose(*plan({"a/*", "*/f"}, at("x/")),
             {{.matched = "./a/z", .path = "/h/a/z", .items = {folder_itself, file("f", 1)}},
              {.matched = "./z/f", .path = "/h/z/f", .items = {file("", 1)}}});
  EXPECT_FALSE(by_wildcards) << "z/f";
}

TEST_F(ChoiceTest, AFileThatSeveralWordsMeanHasEachOfItsPlacesOnce) {
  const auto places = [this](const std::vector<std::string>& words, const RemoteSource& source) {
    const auto choice = choose(*plan(words, at("x/")), {source, source});
    std::string text;
    if (!choice) return choice.error().message;
    for (const auto& want : choice->files) text += want.place + " ";
    return text;
  };
  const RemoteSource source{.matched = "./o/u/3", .path = "/h/o/u/3", .items = {file("", 1)}};
  EXPECT_EQ(places({"o/u/*", "o/u/3"}, source), "3 ");
  EXPECT_EQ(places({"o/u/*", "o/u/?"}, source), "3 ");
  EXPECT_EQ(places({"o/u/3", "o/*/3"}, source), "3 u/3 ");
  EXPECT_EQ(places({"o/u/*", "*/u/3"}, source), "3 o/u/3 ");
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

TEST_F(ChoiceTest, AFolderIsNotReplacedByAFileNorTheReverse) {
  here("file", "x");
  ASSERT_TRUE(tree->make_folder("folder", {.mode = 0755}));
  ASSERT_TRUE(tree->make_link("link", "file").value());
  const auto wrong = [&](const std::string& name, TarType type) {
    auto item = file("", 1);
    item.type = type;
    const auto choice =
        choose(*plan({name}, at("")), {{.matched = "./" + name, .path = "/h/" + name, .items = {item}}});
    return choice ? std::string() : choice.error().message.substr(at("").size());
  };
  EXPECT_EQ(wrong("folder", TarType::file),
            "folder here is a folder, and on the node a file; move it away, or pull into another folder");
  EXPECT_EQ(wrong("file", TarType::directory),
            "file here is a file, and on the node a folder; move it away, or pull into another folder");
  EXPECT_EQ(wrong("link", TarType::directory),
            "link here is a link, and on the node a folder; move it away, or pull into another folder");
  EXPECT_EQ(wrong("link", TarType::file), "") << "it is replaced, as by rsync";
  EXPECT_EQ(wrong("folder", TarType::directory), "");
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

TEST_F(ChoiceTest, AFileWithSeveralPlacesComesToEachOfThem) {
  const auto log = [](const char* matched) {
    return RemoteSource{.matched = matched, .path = "/h/r.1", .items = {file("", 4)}};
  };
  const auto choice =
      choose(*plan({"r.1", "latest", "r.2"}, at("x/")), {log("./r.1"), log("./latest"), log("./r.2")});
  ASSERT_TRUE(choice);
  std::string member = encode_tar_header({.name = "/h/r.1", .size = 4, .mtime = 1000}) + "four";
  member.append(tar_padding(4), '\0');
  const auto missing_after = [&](const std::string& sent) {
    PullArchive archive(choice->files, *tree, 100, false, [](std::uint64_t) {});
    TarDecoder decoder(archive);
    EXPECT_TRUE(decoder.feed(sent));
    return archive.missing().size();
  };
  EXPECT_EQ(missing_after(member + member), 1U)
      << "what did not come is told, though its other places have it";
  EXPECT_EQ(missing_after(member + member + member + tar_end()), 0U);
  for (const auto* name : {"r.1", "latest", "r.2"}) EXPECT_EQ((*tree->look(name))->size, 4U) << name;
  PullArchive archive(choice->files, *tree, 100, false, [](std::uint64_t) {});
  TarDecoder decoder(archive);
  EXPECT_FALSE(decoder.feed(member + member + member + member)) << "more often than asked for";
}

/// busybox sends the second name of a file as a member without content.
TEST_F(ChoiceTest, AHardLinkInAnArchiveBecomesAFile) {
  const auto choice =
      choose(*plan({"d"}, at("")),
             {{.matched = "./d", .path = "/h/d", .items = {file("a", 4), file("b", 4), file("c", 4)}}});
  ASSERT_TRUE(choice);
  const auto link = [](const std::string& name, const std::string& to) {
    std::string header =
        encode_tar_header({.name = name, .type = TarType::symlink, .link = to, .mtime = 1000});
    header[156] = '1';
    header.replace(148, 8, 8, ' ');
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    char text[8];
    std::snprintf(text, sizeof text, "%06o", sum);
    header.replace(148, 7, text, 7);
    return header;
  };
  std::string sent = encode_tar_header({.name = "h/d/a", .size = 4, .mtime = 1000}) + "four";
  sent.append(tar_padding(4), '\0');
  PullArchive archive(choice->files, *tree, 100, false, [](std::uint64_t) {});
  TarDecoder decoder(archive);
  ASSERT_TRUE(decoder.feed(sent + link("h/d/b", "h/d/a") + link("h/d/c", "h/d/other") + tar_end()));
  EXPECT_EQ((*tree->look("d/b"))->size, 4U);
  EXPECT_EQ((*tree->look("d/b"))->mtime, 1000);
  EXPECT_EQ((*tree->look("d/b"))->kind, LocalState::Kind::file);
  ASSERT_EQ(archive.missing().size(), 1U) << "a link to what did not come";
  EXPECT_EQ(archive.missing().front()->place, "d/c");
  EXPECT_TRUE(archive.skipped().empty());
  EXPECT_EQ(tree->files_in_place(), 2U);
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

}  // namespace
}  // namespace ec2mpi::ops
