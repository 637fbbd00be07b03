#include "src/ops/pull/safe_tree.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <thread>

namespace ec2mpi::ops {
namespace {

namespace fs = std::filesystem;

class SafeTreeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ec2mpi-safe-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    root = folder / "target";
    fs::create_directories(folder / "outside");
    tree = std::make_unique<SafeTree>(*SafeTree::open(root));
  }
  void TearDown() override {
    tree.reset();
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

  Result<void> put(std::string_view path, std::string_view text, unsigned mode = 0644,
                   std::int64_t mtime = 1000) {
    if (auto begun = tree->begin_file(path, {.mode = mode, .mtime = mtime}); !begun) return begun;
    if (auto written = tree->write(text); !written) return written;
    return tree->end_file();
  }
  static std::string content(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static unsigned mode_of(const fs::path& path) {
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777U : 0U;
  }
  static std::size_t count(const fs::path& path) {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator()));
  }
  void expect_nothing_outside() const {
    EXPECT_TRUE(fs::is_empty(folder / "outside"));
    EXPECT_EQ(count(folder), 2U);
  }

  fs::path folder;
  fs::path root;
  std::unique_ptr<SafeTree> tree;
};

TEST_F(SafeTreeTest, WritesFilesWithModeAndTime) {
  ASSERT_TRUE(put("./a//b/./c", "text", 0640, 1234567890));
  EXPECT_EQ(content(root / "a/b/c"), "text");
  EXPECT_EQ(mode_of(root / "a/b/c"), 0640U);
  struct stat info {};
  ::stat((root / "a/b/c").c_str(), &info);
  EXPECT_EQ(info.st_mtime, 1234567890);
}

TEST_F(SafeTreeTest, SetuidAndItsLikeAreLost) {
  ASSERT_TRUE(put("f", "", 07755));
  EXPECT_EQ(mode_of(root / "f"), 0755U);
}

TEST_F(SafeTreeTest, RefusesToLeaveTheTree) {
  for (const std::string path : {"../x", "a/../../x", "/etc/ec2mpi-test", "..", "", "a/..", "//x"}) {
    const auto refused = put(path, "evil");
    ASSERT_FALSE(refused) << path;
    EXPECT_EQ(refused.error().kind, ErrorKind::protocol) << path;
    EXPECT_FALSE(tree->make_folder(path, {.mode = 0755, .mtime = 0})) << path;
    EXPECT_FALSE(tree->make_link(path, "x").value_or(false)) << path;
  }
  EXPECT_FALSE(put(std::string_view("a\0b", 3), "evil"));
  EXPECT_FALSE(put(".", "evil"));
  expect_nothing_outside();
}

TEST_F(SafeTreeTest, ANewFolderHasItsMarkUntilItIsSwept) {
  const std::string mark = ".ec2mpi-pull.new.1";
  ASSERT_TRUE(tree->make_marked_folder("new", mark));
  EXPECT_TRUE(fs::is_empty(root / "new" / mark));
  EXPECT_EQ(count(root), 1U) << "nothing is left beside it";
  ASSERT_TRUE(put("new/file", "text"));
  ASSERT_TRUE(tree->make_marked_folder("new", ".ec2mpi-pull.new.2"));
  EXPECT_EQ(count(root / "new"), 2U) << "a folder that is there gets no mark";
  tree->sweep("new");
  EXPECT_EQ(content(root / "new/file"), "text");
  EXPECT_EQ(count(root / "new"), 1U);
  EXPECT_FALSE(tree->make_marked_folder("../evil", mark));
  expect_nothing_outside();
}

TEST_F(SafeTreeTest, NoLinkIsFollowed) {
  fs::create_directory_symlink(folder / "outside", root / "door");
  fs::create_symlink(folder / "outside/file", root / "pipe");
  const auto through = put("door/evil", "evil");
  ASSERT_FALSE(through);
  EXPECT_EQ(through.error().kind, ErrorKind::local_io);
  EXPECT_NE(through.error().message.find("target/door"), std::string::npos) << through.error().message;
  EXPECT_FALSE(tree->make_folder("door/sub", {.mode = 0755, .mtime = 0}));
  EXPECT_FALSE(tree->make_folder("door", {.mode = 0755, .mtime = 0}));
  ASSERT_TRUE(put("pipe", "replaces the link"));
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(root / "pipe")));
  expect_nothing_outside();
}

TEST_F(SafeTreeTest, AFolderSwappedForALinkAfterItWasUsedIsNotFollowed) {
  ASSERT_TRUE(tree->make_folder("d", {.mode = 0700, .mtime = 0}));
  ASSERT_TRUE(tree->make_link("l", "d").value_or(false));
  EXPECT_FALSE(put("l/x", "evil"));
  ASSERT_FALSE(tree->make_link("d", "l"));  // a link doesn't replace a folder
  EXPECT_TRUE(fs::is_directory(fs::symlink_status(root / "d")));
}

TEST_F(SafeTreeTest, LinksThatLeadOutAreNotMade) {
  for (const std::string target : {"/etc/passwd", "..", "../outside", "a/../../x", "sub/../..", ""}) {
    EXPECT_FALSE(tree->make_link("link", target).value()) << target;
  }
  EXPECT_FALSE(fs::exists(fs::symlink_status(root / "link")));
  EXPECT_TRUE(tree->make_link("a/b/link", "../../file").value());
  EXPECT_EQ(fs::read_symlink(root / "a/b/link"), "../../file");
  EXPECT_FALSE(tree->make_link("a/b/link2", "../../../file").value());
}

TEST_F(SafeTreeTest, AFileDoesNotReplaceAFolder) {
  ASSERT_TRUE(tree->make_folder("d", {.mode = 0755, .mtime = 0}));
  const auto refused = put("d", "text");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::local_io);
  EXPECT_TRUE(fs::is_directory(root / "d"));
  EXPECT_EQ(count(root), 1U) << "a temporary file stayed";
}

TEST_F(SafeTreeTest, AnUnfinishedFileLeavesTheOldOne) {
  ASSERT_TRUE(put("f", "old"));
  ASSERT_TRUE(tree->begin_file("f", {}));
  ASSERT_TRUE(tree->write("half of the ne"));
  EXPECT_EQ(content(root / "f"), "old");
  tree.reset();
  EXPECT_EQ(content(root / "f"), "old");
  EXPECT_EQ(count(root), 1U) << "a temporary file stayed";
}

TEST_F(SafeTreeTest, FoldersGetModeAndTimeAtTheEnd) {
  ASSERT_TRUE(tree->make_folder("d", {.mode = 0555, .mtime = 1000000000}));
  ASSERT_TRUE(tree->make_folder("d/e", {.mode = 0500, .mtime = 1000000001}));
  ASSERT_TRUE(put("d/e/f", "text"));
  ASSERT_TRUE(tree->finish());
  EXPECT_EQ(mode_of(root / "d"), 0555U);
  EXPECT_EQ(mode_of(root / "d/e"), 0500U);
  struct stat info {};
  ::stat((root / "d").c_str(), &info);
  EXPECT_EQ(info.st_mtime, 1000000000);
}

TEST_F(SafeTreeTest, ReadOnlyFoldersCanBeFilledAgain) {
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(tree->make_folder("d", {.mode = 0555, .mtime = 5}));
    ASSERT_TRUE(put("d/f", "text"));
    ASSERT_TRUE(tree->finish());
  }
  EXPECT_EQ(mode_of(root / "d"), 0555U);
}

TEST_F(SafeTreeTest, TheTargetItselfKeepsItsMode) {
  const auto before = mode_of(root);
  ASSERT_TRUE(tree->make_folder("./", {.mode = 0777, .mtime = 0}));
  ASSERT_TRUE(tree->finish());
  EXPECT_EQ(mode_of(root), before);
}

TEST_F(SafeTreeTest, NamesOfAnyBytesAndDepth) {
  const std::string odd = "new\nline '\" \xff\xfe -rf *";
  ASSERT_TRUE(put(odd, "odd"));
  EXPECT_EQ(content(root / odd), "odd");
  ASSERT_TRUE(put(std::string(255, 'n'), ""));
  const auto too_long = put(std::string(256, 'n'), "");
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().kind, ErrorKind::local_io);
  std::string deep;
  for (int i = 0; i < 60; ++i) deep += std::string(100, 'd') + "/";  // longer than PATH_MAX
  ASSERT_TRUE(put(deep + "f", "deep"));
  EXPECT_EQ(std::system(("rm -rf '" + (root / std::string(100, 'd')).string() + "'").c_str()), 0);
}

TEST_F(SafeTreeTest, TimesAreKeptToTheNanosecond) {
  ASSERT_TRUE(tree->begin_file("f", {.mode = 0600, .mtime = 1234567890, .nanoseconds = 123456789}));
  ASSERT_TRUE(tree->end_file());
  const auto seen = tree->look("f");
  ASSERT_TRUE(seen && *seen);
  EXPECT_EQ((*seen)->mtime, 1234567890);
  EXPECT_EQ((*seen)->nanoseconds, 123456789U);
}

TEST_F(SafeTreeTest, LookingFollowsNothingAndMakesNothing) {
  ASSERT_TRUE(put("d/f", "text", 0640, 5));
  fs::create_directory_symlink(folder / "outside", root / "door");
  std::ofstream(folder / "outside/secret") << "x";
  const auto file = tree->look("d/f");
  ASSERT_TRUE(file && *file);
  EXPECT_EQ((*file)->kind, LocalState::Kind::file);
  EXPECT_EQ((*file)->size, 4U);
  EXPECT_EQ((*file)->mode, 0640U);
  EXPECT_EQ((*tree->look("d"))->kind, LocalState::Kind::folder);
  const auto link = tree->look("door");
  ASSERT_TRUE(link && *link);
  EXPECT_EQ((*link)->kind, LocalState::Kind::link);
  EXPECT_EQ((*link)->link, (folder / "outside").string());
  for (const std::string path : {"door/secret", "d/f/x", "missing", "missing/too"}) {
    const auto nothing = tree->look(path);
    ASSERT_TRUE(nothing) << path;
    EXPECT_FALSE(*nothing) << path;
  }
  EXPECT_FALSE(tree->look("../outside"));
  EXPECT_FALSE(fs::exists(root / "missing"));
}

TEST_F(SafeTreeTest, APartialFileGoesOnWhereItStopped) {
  const FileAttributes attributes{.mode = 0600, .mtime = 7};
  EXPECT_EQ(tree->begin_partial("d/f", attributes, "v1").value(), 0U);
  ASSERT_TRUE(tree->write("first "));
  tree = std::make_unique<SafeTree>(*SafeTree::open(root));  // as after a crash
  EXPECT_FALSE(fs::exists(root / "d/f"));
  EXPECT_EQ(tree->begin_partial("d/f", attributes, "v2").value(), 0U) << "another version begins anew";
  tree->drop_file();
  EXPECT_EQ(tree->begin_partial("d/f", attributes, "v1").value(), 6U);
  ASSERT_TRUE(tree->write("second"));
  ASSERT_TRUE(tree->end_file());
  EXPECT_EQ(content(root / "d/f"), "first second");
  EXPECT_EQ(count(root / "d"), 1U);
}

TEST_F(SafeTreeTest, TwoRunsDoNotWriteOnePartialFile) {
  ASSERT_TRUE(tree->begin_partial("f", {}, "v"));
  ASSERT_TRUE(tree->write("mine"));
  auto other = SafeTree::open(root);
  EXPECT_EQ(other->begin_partial("f", {}, "v").value(), 0U);
  ASSERT_TRUE(other->write("theirs"));
  ASSERT_TRUE(tree->end_file());
  EXPECT_EQ(content(root / "f"), "mine");
  ASSERT_TRUE(other->end_file());
  EXPECT_EQ(content(root / "f"), "theirs");
}

TEST_F(SafeTreeTest, APartialFileIsNoLinkThatSomebodyPlanted) {
  ASSERT_TRUE(tree->begin_partial("f", {}, "v"));
  fs::path hidden;
  for (const auto& entry : fs::directory_iterator(root)) hidden = entry.path();
  tree->drop_file();
  std::ofstream(folder / "outside/file") << "x";
  fs::create_symlink(folder / "outside/file", hidden);
  EXPECT_EQ(tree->begin_partial("f", {}, "v").value_or(0), 0U);
  if (tree->write("evil")) tree->drop_file();
  EXPECT_EQ(content(folder / "outside/file"), "x");
}

TEST_F(SafeTreeTest, SweepingTakesOnlyWhatNobodyHolds) {
  auto other = SafeTree::open(root);
  ASSERT_TRUE(other->begin_partial("busy", {}, "v"));
  std::ofstream(root / ".ec2mpi-pull.1234.5") << "left by a crash";
  fs::create_symlink("x", root / ".ec2mpi-pull.1234.6");
  ASSERT_TRUE(put("file", "mine"));
  tree->sweep(".");
  EXPECT_EQ(count(root), 2U);
  EXPECT_TRUE(fs::exists(root / "file"));
  ASSERT_TRUE(other->end_file());
}

TEST_F(SafeTreeTest, SweepingTakesNoFileThatAnotherRunIsJustBeginning) {
  std::atomic<bool> done = false;
  std::thread other([&] {
    auto swept = SafeTree::open(root);
    while (!done) swept->sweep(".");
  });
  std::string failed;
  for (int i = 0; i < 3000 && failed.empty(); ++i) {
    if (auto written = put("file", "mine"); !written) failed = written.error().message;
    if (failed.empty() && !tree->begin_partial("big", {}, "v")) failed = "begin_partial";
    if (failed.empty() && !tree->end_file()) failed = "end_file";
  }
  done = true;
  other.join();
  EXPECT_EQ(failed, "");
}

TEST_F(SafeTreeTest, ZerosOfASparseFileBecomeHoles) {
  ASSERT_TRUE(tree->begin_file("f", {.sparse = true}));
  const std::string zeros(1 << 20, '\0');
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(tree->write(zeros));
  ASSERT_TRUE(tree->write("end"));
  ASSERT_TRUE(tree->write(zeros));
  ASSERT_TRUE(tree->end_file());
  struct stat info {};
  ::stat((root / "f").c_str(), &info);
  EXPECT_EQ(info.st_size, (9 << 20) + 3);
  EXPECT_LT(info.st_blocks * 512, 1 << 20);
  EXPECT_EQ(content(root / "f"), std::string(8 << 20, '\0') + "end" + zeros);
}

TEST_F(SafeTreeTest, APartialFileKeepsItsHolesAndGoesOnBehindThem) {
  const FileAttributes attributes{.sparse = true};
  const std::string zeros(1 << 20, '\0');
  ASSERT_TRUE(tree->begin_partial("f", attributes, "v"));
  ASSERT_TRUE(tree->write("begin"));
  ASSERT_TRUE(tree->write(zeros));
  tree = std::make_unique<SafeTree>(*SafeTree::open(root));  // as after a crash
  EXPECT_EQ(tree->begin_partial("f", attributes, "v").value(), 5 + zeros.size());
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(tree->write(zeros));
  ASSERT_TRUE(tree->write("end"));
  ASSERT_TRUE(tree->end_file());
  struct stat info {};
  ::stat((root / "f").c_str(), &info);
  EXPECT_LT(info.st_blocks * 512, 1 << 20);
  EXPECT_EQ(content(root / "f"), "begin" + std::string(9 << 20, '\0') + "end");
}

TEST_F(SafeTreeTest, AppendsOnlyToWhatItKnows) {
  ASSERT_TRUE(put("log", "one"));
  ASSERT_TRUE(tree->append("log", 3, "two", {.mtime = 9}));
  EXPECT_EQ(content(root / "log"), "onetwo");
  EXPECT_EQ((*tree->look("log"))->mtime, 9);
  EXPECT_FALSE(tree->append("log", 3, "again", {}));
  EXPECT_FALSE(tree->append("missing", 0, "x", {}));
  std::ofstream(folder / "outside/file") << "x";
  fs::create_symlink(folder / "outside/file", root / "door");
  EXPECT_FALSE(tree->append("door", 1, "evil", {}));
  EXPECT_EQ(content(folder / "outside/file"), "x");
}

TEST_F(SafeTreeTest, AModeIsSetOnAFileAndOnNoLinksTarget) {
  ASSERT_TRUE(put("f", "x", 0644));
  ASSERT_TRUE(tree->set_attributes("f", {.mode = 04755, .mtime = 77}));
  EXPECT_EQ(mode_of(root / "f"), 0755U);
  EXPECT_EQ((*tree->look("f"))->mtime, 77);
  std::ofstream(folder / "outside/file") << "x";
  const auto before = mode_of(folder / "outside/file");
  fs::create_symlink(folder / "outside/file", root / "door");
  EXPECT_FALSE(tree->set_attributes("door", {.mode = 0777}));
  EXPECT_EQ(mode_of(folder / "outside/file"), before);
}

}  // namespace
}  // namespace ec2mpi::ops
