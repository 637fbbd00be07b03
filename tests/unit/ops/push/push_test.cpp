// What a push sends, and what becomes of the paths that are typed.

#include "ec2mpi/ops/push/push.hpp"
#include "ec2mpi/ops/node/placeholders.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>

#include "ec2mpi/base/tar.hpp"
#include "ec2mpi/ops/node/remote_path.hpp"
#include "src/ops/push/stream.hpp"

namespace ec2mpi::ops {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

class Collector : public TarVisitor {
 public:
  Result<void> on_entry(const TarEntry& entry) override {
    name_ = entry.name;
    order.push_back(entry.name);
    entries[entry.name] = entry;
    return {};
  }
  Result<void> on_data(std::string_view bytes) override {
    data[name_] += bytes;
    return {};
  }
  Result<void> on_entry_end() override { return {}; }

  std::vector<std::string> order;
  std::map<std::string, TarEntry> entries;
  std::map<std::string, std::string> data;

 private:
  std::string name_;
};

class PushTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ec2mpi-push-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }
  void TearDown() override {
    std::error_code ignored;
    fs::permissions(folder / "tree/locked", fs::perms::owner_all, ignored);
    fs::remove_all(folder, ignored);
  }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name, std::ios::binary) << text;
  }
  [[nodiscard]] std::string at(const std::string& name) const { return (folder / name).string(); }

  std::shared_ptr<const SourceTree> scan(const std::vector<std::string>& names) const {
    std::vector<std::string> paths;
    for (const auto& name : names) paths.push_back(at(name));
    auto tree = scan_sources(paths);
    EXPECT_TRUE(tree) << tree.error().message;
    return std::make_shared<const SourceTree>(std::move(*tree));
  }

  [[nodiscard]] std::string content_of(const std::string& name) const {
    std::ifstream file(folder / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  /// All of the tree.
  static PushStream stream_of(const std::shared_ptr<const SourceTree>& tree) {
    PushContent all;
    for (std::size_t i = 0; i < tree->items.size(); ++i) {
      all.items.push_back(i);
      const auto& item = tree->items[i];
      const bool own_mode = item.relative.empty() && tree->tops[item.top].name.empty();
      if (item.type == TarType::directory && !own_mode) all.folders.push_back(i);
    }
    return {tree, all};
  }

  static Collector read(PushStream& stream) {
    Collector collector;
    TarDecoder decoder(collector);
    for (;;) {
      const auto block = stream.next();
      if (block.empty()) break;
      EXPECT_LE(block.size(), 2 * PushStream::kBlock + 4096);
      EXPECT_TRUE(decoder.feed(block));
    }
    EXPECT_TRUE(decoder.finish());
    return collector;
  }

  fs::path folder;
};

TEST_F(PushTest, ACompressedStreamHoldsTheSame) {
  write("tree/text", std::string(6'000'000, 'f'));
  auto tree = scan({"tree"});
  PushContent all;
  for (std::size_t i = 0; i < tree->items.size(); ++i) all.items.push_back(i);
  PushStream plain(tree, all);
  PushStream packed(tree, all, {.gzip = true});
  std::string expected;
  for (auto block = plain.next(); !block.empty(); block = plain.next()) expected += block;
  {
    std::ofstream file(folder / "packed.gz", std::ios::binary);
    for (auto block = packed.next(); !block.empty(); block = packed.next()) file << block;
  }
  EXPECT_EQ(packed.size(), fs::file_size(folder / "packed.gz"));
  EXPECT_LT(packed.size(), expected.size() / 50);
  EXPECT_EQ(packed.content_bytes(), 6'000'000U);
  ASSERT_EQ(std::system(("gzip -d " + at("packed.gz")).c_str()), 0);
  std::ifstream file(folder / "packed", std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), expected);
}

TEST_F(PushTest, TheStreamHoldsTheTree) {
  write("tree/b/file", std::string(300000, 'f'));
  write("tree/a", "alpha");
  write("single", "one");
  fs::create_symlink("../nowhere", folder / "tree/link");
  ::chmod(at("tree/b").c_str(), 0555);
  auto stream = stream_of(scan({"tree", "single"}));
  const auto got = read(stream);
  EXPECT_EQ(got.order, (std::vector<std::string>{"0", "0/a", "0/b", "0/b/file", "0/link", "1", "folders0",
                                                 "listed", "sizes"}));
  EXPECT_EQ(got.data.at("listed"),
            "0\0"
            "0/a\0"
            "0/b\0"
            "0/b/file\0"
            "0/link\0"
            "1\0"
            "folders0\0"s);
  EXPECT_TRUE(got.data.at("sizes").starts_with("4\n8 5\n4\n8 300000\na\n8 3\n8 "));
  EXPECT_EQ(got.data.at("0/a"), "alpha");
  EXPECT_EQ(got.data.at("0/b/file"), std::string(300000, 'f'));
  EXPECT_EQ(got.data.at("1"), "one");
  EXPECT_EQ(got.entries.at("0/b").mode, 0755U) << "must be writable while it is filled";
  EXPECT_EQ(got.entries.at("0/link").link, "../nowhere");
  EXPECT_TRUE(stream.changed().empty());
  EXPECT_EQ(stream.content_bytes(), 300008U);

  Collector folders;
  TarDecoder decoder(folders);
  ASSERT_TRUE(decoder.feed(got.data.at("folders0")));
  ASSERT_TRUE(decoder.finish());
  EXPECT_EQ(folders.order, (std::vector<std::string>{"./b/", "./"}));
  EXPECT_EQ(folders.entries.at("./b/").mode, 0555U);
  ::chmod(at("tree/b").c_str(), 0755);
}

TEST_F(PushTest, AFileThatShrinksIsNotPutInPlace) {
  write("tree/keep", "keep");
  write("tree/log", std::string(3 * PushStream::kBlock, 'l'));
  auto stream = stream_of(scan({"tree"}));
  Collector collector;
  TarDecoder decoder(collector);
  ASSERT_TRUE(decoder.feed(stream.next()));
  fs::resize_file(folder / "tree/log", 10);
  for (auto block = stream.next(); !block.empty(); block = stream.next()) ASSERT_TRUE(decoder.feed(block));
  ASSERT_TRUE(decoder.finish()) << "the archive must stay whole";
  EXPECT_EQ(collector.data.at("0/log").size(), 3 * PushStream::kBlock);
  EXPECT_EQ(stream.changed(), std::vector<std::size_t>{2}) << "tree, tree/keep, tree/log";
}

TEST_F(PushTest, FilesThatGrowOrVanishAreReportedToo) {
  write("tree/gone", "x");
  write("tree/log", "short");
  write("single", "s");
  const auto tree = scan({"tree", "single"});
  fs::remove(folder / "tree/gone");
  write("tree/log", "much longer");
  write("single", "other");
  auto stream = stream_of(tree);
  const auto got = read(stream);
  EXPECT_EQ(got.entries.count("0/gone") + got.entries.count("0/log") + got.entries.count("1"), 0U);
  EXPECT_EQ(stream.changed(), (std::vector<std::size_t>{1, 2, 3})) << "tree/gone, tree/log, single";
}

TEST_F(PushTest, TheSumIsThatOfTheStream) {
  write("tree/b/file", std::string(600000, 'f'));
  auto stream = stream_of(scan({"tree"}));
  std::string all;
  for (auto block = stream.next(); !block.empty(); block = stream.next()) all += block;
  EXPECT_EQ(stream.sum(), sha256(all));
  EXPECT_EQ(stream.size(), all.size());
}

TEST_F(PushTest, OnlyWhatIsAskedForIsSent) {
  write("tree/a/x", "x");
  write("tree/a/y", "y");
  const auto tree = scan({"tree"});  // tree, a, x, y
  PushStream stream(tree, {.items = {2}, .folders = {1}});
  const auto got = read(stream);
  EXPECT_EQ(got.order, (std::vector<std::string>{"0/a/x", "folders0", "listed", "sizes"}));
}

TEST_F(PushTest, ABeginningCanBeLeftOut) {
  write("tree/big", std::string(600, 'a') + std::string(700, 'b'));
  PushStream stream(scan({"tree"}), {.items = {1}, .folders = {}, .offsets = {{1, 600}}});
  EXPECT_EQ(stream.expected(), 700U);
  const auto got = read(stream);
  EXPECT_EQ(got.order, (std::vector<std::string>{"tails/0/big", "listed", "sizes"}));
  EXPECT_EQ(got.data.at("tails/0/big"), std::string(700, 'b'));
}

TEST_F(PushTest, HolesAreNotSentAndAreHolesAgain) {
  constexpr std::uint64_t kSize = 64'000'000;
  {
    std::ofstream file(at("sparse"), std::ios::binary);
    file.seekp(8'000'000) << std::string(5000, 'a');
    file.seekp(40'000'000) << std::string(70'000, 'b');
  }
  fs::resize_file(at("sparse"), kSize);
  write("empty", "");
  { std::ofstream file(at("only-a-hole")); }
  fs::resize_file(at("only-a-hole"), 10'000'001);
  const auto tree = scan({"empty", "only-a-hole", "sparse"});
  for (const std::uint64_t offset : {0U, 12'345'678U}) {
    PushContent content{.items = {0, 1, 2}};
    if (offset > 0) content.offsets[2] = offset;
    PushStream stream(tree, content, {.holes = true});
    {
      std::ofstream archive(at("archive"), std::ios::binary);
      for (auto block = stream.next(); !block.empty(); block = stream.next()) archive << block;
    }
    EXPECT_LT(stream.size(), 200'000U);
    EXPECT_TRUE(stream.changed().empty());
    fs::remove_all(at("out"));
    fs::create_directory(at("out"));
    ASSERT_EQ(std::system(("tar -xpf " + at("archive") + " -C " + at("out")).c_str()), 0);
    EXPECT_EQ(fs::file_size(at("out/0")), 0U);
    EXPECT_EQ(content_of("out/1"), content_of("only-a-hole"));
    const std::string name = offset > 0 ? "out/tails/2" : "out/2";
    EXPECT_EQ(content_of(name), content_of("sparse").substr(offset));
    struct stat info {};
    ASSERT_EQ(::stat(at(name).c_str(), &info), 0);
    EXPECT_LT(info.st_blocks, 1000);
    EXPECT_EQ(info.st_mtim.tv_nsec, tree->items[2].nanoseconds);
  }
}

TEST_F(PushTest, ANodeThatCannotMakeHolesGetsZeros) {
  write("sparse", "begin");
  fs::resize_file(at("sparse"), 3'000'000);
  PushStream stream(scan({"sparse"}), {.items = {0}, .folders = {}});
  const auto got = read(stream);
  EXPECT_EQ(got.data.at("0"), content_of("sparse"));
}

TEST_F(PushTest, ExcludedPathsAreNotScanned) {
  write("tree/a.o", "");
  write("tree/src/b.o", "");
  write("tree/src/b.c", "");
  write("tree/src/.gitignore", "gen/\n!b.o\n");
  write("tree/src/gen/x.c", "");
  const auto names = [this](const ScanOptions& options) {
    std::vector<std::string> found;
    const auto tree = scan_sources({at("tree")}, options);
    for (const auto& item : tree->items) {
      if (item.type == TarType::file) found.push_back(item.relative);
    }
    return found;
  };
  EXPECT_EQ(names({.exclude = {"*.o"}}),
            (std::vector<std::string>{"src/.gitignore", "src/b.c", "src/gen/x.c"}));
  EXPECT_EQ(names({.exclude = {"*.o"}, .gitignore = true}),
            (std::vector<std::string>{"src/.gitignore", "src/b.c", "src/b.o"}));
}

/// Else the nodes would be compared with both files, and each push would send the one that they do not have.
TEST_F(PushTest, OfFilesWithOnePlaceTheLastOneIsSent) {
  write("conf", "12345");
  write("base/conf", "1");
  write("base/sub/conf", "22");
  write("base/sub/only", "333");
  write("over/conf", "4444");
  fs::create_directories(at("over/sub"));
  fs::create_symlink("../conf", at("over/sub/conf"));
  fs::permissions(at("over/sub"), fs::perms(0711));
  const auto tree = scan({"conf", "base/.", "over/."});
  std::vector<std::string> found;
  for (const auto& item : tree->items) found.push_back(fmt::format("{}:{}", item.top, item.relative));
  EXPECT_EQ(found,
            (std::vector<std::string>{"1:", "1:sub", "1:sub/only", "2:", "2:conf", "2:sub", "2:sub/conf"}));
  EXPECT_EQ(tree->files, 2U);
  EXPECT_EQ(tree->bytes, 7U);
  EXPECT_EQ(tree->items[1].mode, 0711U);
  EXPECT_EQ(tree->items[1].mtime, tree->items[5].mtime);
  EXPECT_EQ(tree->items[1].nanoseconds, tree->items[5].nanoseconds);
  EXPECT_EQ(scan({"over/.", "base/sub"})->items.back().relative, "only") << "folders named and unnamed, too";
}

TEST_F(PushTest, AFileAndAFolderWithOnePlaceAreRefused) {
  write("a/x/y", "");
  write("b/x", "");
  const auto tree = scan_sources({at("a/."), at("b/.")});
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().kind, ErrorKind::usage);
  EXPECT_EQ(tree.error().message,
            fmt::format("a file and a folder would both become x: {} and {}; rename one of them", at("a/./x"),
                        at("b/./x")));
}

TEST_F(PushTest, PrivateFilesAreSentOnlyIfTheyAreNamedAndStayOnTheNodesUnderDelete) {
  write("tree/a", "");
  write("tree/key [1].pem", "secret");
  write("tree/.ec2mpi/setup/key", "secret");
  fs::create_symlink("key [1].pem", at("tree/link"));
  const ScanOptions options{.kept_back = {at("tree/link"), at("tree/.ec2mpi"), at("nothing")}};
  const auto tree = scan_sources({at("tree")}, options);
  ASSERT_TRUE(tree);
  std::vector<std::string> found;
  for (const auto& item : tree->items) found.push_back(item.relative);
  EXPECT_EQ(found, (std::vector<std::string>{"", "a", "link"}));
  EXPECT_EQ(tree->kept_back, (std::vector<std::string>{at("tree/.ec2mpi"), at("tree/key [1].pem")}));
  EXPECT_TRUE(tree->tops[0].filter.excludes("key [1].pem", false));
  EXPECT_TRUE(tree->tops[0].filter.excludes(".ec2mpi/x", false));
  EXPECT_FALSE(tree->tops[0].filter.excludes("key 1.pem", false));
  EXPECT_EQ(scan_sources({at("tree/key [1].pem")}, options)->files, 1U);
}

TEST_F(PushTest, AnyPrivateKeyOfATreeIsSentOnlyIfItIsNamed) {
  for (const auto* kind : {"OPENSSH ", "RSA ", "", "ENCRYPTED "})
    write(std::string("tree/keys/") + kind + "key",
          fmt::format("-----BEGIN {}PRIVATE KEY-----\nAAAA\n", kind));
  write("tree/keys/open", "-----BEGIN PRIVATE KEY-----\n");
  write("tree/keys/public", "-----BEGIN PUBLIC KEY-----\n");
  write("tree/keys/text", "how to make a PRIVATE KEY-----\n");
  for (const auto& each : fs::directory_iterator(at("tree/keys")))
    fs::permissions(each.path(), fs::perms(each.path().filename() == "open" ? 0644 : 0600));
  const auto tree = scan_sources({at("tree")}, {});
  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->files, 3U);
  EXPECT_EQ(tree->kept_back.size(), 4U);
  EXPECT_EQ(scan_sources({at("tree/keys/RSA key")}, {})->files, 1U);
}

TEST_F(PushTest, ScanErrorsNameThePath) {
  const auto missing = scan_sources({at("nothing")});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::local_io);
  EXPECT_EQ(missing.error().message, "cannot read " + at("nothing") + ": No such file or directory");
  EXPECT_FALSE(scan_sources({""}));
  write("a/same", "");
  write("b/same", "");
  const auto twice = scan_sources({at("a/same"), at("b/same")});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().kind, ErrorKind::usage);
}

TEST_F(PushTest, UnreadableSourcesAreErrors) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  write("tree/locked/file", "");
  ::chmod(at("tree/locked").c_str(), 0);
  EXPECT_FALSE(scan_sources({at("tree")}));
}

/// Files below /proc say that they hold nothing.
TEST_F(PushTest, AFileThatDoesNotTellItsSizeIsReadToItsEnd) {
  auto tree = scan_sources({"/proc/self/status", "/sys/kernel/mm/transparent_hugepage/enabled"});
  if (!tree) GTEST_SKIP() << tree.error().message;
  auto stream = stream_of(std::make_shared<const SourceTree>(std::move(*tree)));
  const auto got = read(stream);
  EXPECT_TRUE(got.data.at("0").starts_with("Name:"));
  EXPECT_TRUE(got.data.at("1").ends_with("\n")) << got.data.at("1");
  EXPECT_TRUE(stream.changed().empty());
}

TEST_F(PushTest, PipesAreSkippedAndNamed) {
  write("tree/a", "");
  ASSERT_EQ(::mkfifo(at("tree/pipe").c_str(), 0600), 0);
  EXPECT_EQ(scan({"tree"})->skipped, std::vector<std::string>{at("tree/pipe")});
  EXPECT_FALSE(scan_sources({at("tree/pipe")}));
}

/// To open a pipe would wait for a writer without end.
TEST_F(PushTest, APipeInPlaceOfAGitignoreIsRefused) {
  write("tree/a", "");
  ASSERT_EQ(::mkfifo(at("tree/.gitignore").c_str(), 0600), 0);
  const auto tree = scan_sources({at("tree")}, {.gitignore = true});
  ASSERT_FALSE(tree);
  EXPECT_NE(tree.error().message.find("tree/.gitignore is no file"), std::string::npos)
      << tree.error().message;
}

TEST_F(PushTest, AByteOrderMarkIsNoPartOfTheFirstRule) {
  write("tree/.gitignore", "\xef\xbb\xbf*.o\n");
  write("tree/a.o", "");
  EXPECT_EQ(scan_sources({at("tree")}, {.gitignore = true})->files, 1U);
}

TEST_F(PushTest, ALinkThatIsGivenItselfIsFollowed) {
  write("tree/a", "alpha");
  fs::create_directory_symlink("tree", folder / "link");
  auto stream = stream_of(scan({"link"}));
  const auto got = read(stream);
  EXPECT_EQ(got.data.at("0/a"), "alpha");
}

TEST_F(PushTest, ComplaintsNameTheSource) {
  const auto complaint = [](std::string_view text) {
    SourceTree tree;
    tree.tops.push_back({.path = "data", .name = "data", .directory = true});
    return push_complaint(text, tree);
  };
  EXPECT_EQ(complaint("ec2mpi: tar: 0/x: No space left on device"), "data/x: No space left on device");
  EXPECT_EQ(complaint("ec2mpi: mkdir: cannot create directory 'p'"), "cannot create directory 'p'");
  EXPECT_EQ(complaint("ec2mpi: tar: 7/x: gone"), "7/x: gone");
  EXPECT_EQ(complaint("ec2mpi: \x1b[2J"), "\\x1b[2J");
  EXPECT_EQ(
      complaint("ec2mpi: mv: cannot stat './.ec2mpi-push.ip-10-0-0-11.c6.22564/named/n': File name too long"),
      "cannot stat './n': File name too long");
  EXPECT_EQ(
      complaint("ec2mpi: mv: cannot move '/d/.ec2mpi-push.h.k.1/a' to '/e/.ec2mpi-push.new.h.1': No space"),
      "cannot move '/d/a' to '/e/.ec2mpi-push.new.h.1': No space");
  EXPECT_EQ(complaint("ec2mpi: mv: cannot move '/d/t/.ec2mpi-push.h.k.1/0/f' to '/d/t/f': Permission denied"),
            "cannot move 'data/f' to '/d/t/f': Permission denied");
}

TEST(NameInTarget, Table) {
  for (const auto& [path, name] : std::map<std::string, std::string>{{"a", "a"},
                                                                     {"a/", "a"},
                                                                     {"x/a//", "a"},
                                                                     {"/x/a", "a"},
                                                                     {".", ""},
                                                                     {"a/.", ""},
                                                                     {"..", ""},
                                                                     {"/", ""},
                                                                     {"-x", "-x"}}) {
    EXPECT_EQ(name_in_target(path), name) << path;
  }
}

TEST(RemotePath, Table) {
  for (const auto& [typed, path] : std::map<std::string, std::string>{{"a", "./a"},
                                                                      {"/a b", "/a b"},
                                                                      {"~", "./."},
                                                                      {"~/", "./."},
                                                                      {"~/x/", "./x/"},
                                                                      {"-r", "./-r"},
                                                                      {"~//x", "./x"},
                                                                      {".", "./."},
                                                                      {"../x", "./../x"}}) {
    EXPECT_EQ(remote_path(typed).value_or("error"), path) << typed;
  }
  EXPECT_FALSE(remote_path(""));
  EXPECT_FALSE(remote_path("~root/x"));
  EXPECT_FALSE(remote_path(std::string_view("a\0b", 3)));
}

TEST(PushTarget, Table) {
  EXPECT_EQ(push_target("d", 1)->path, "./d");
  EXPECT_FALSE(push_target("d", 1)->folder);
  EXPECT_TRUE(push_target("d/", 1)->folder);
  EXPECT_EQ(push_target("d//", 1)->path, "./d");
  EXPECT_TRUE(push_target("d", 2)->folder);
  EXPECT_EQ(push_target("/", 1)->path, "/");
  EXPECT_FALSE(push_target("", 1));
}

}  // namespace
}  // namespace ec2mpi::ops
