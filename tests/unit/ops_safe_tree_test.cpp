#include "ec2mpi/ops/safe_tree.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

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
    if (auto begun = tree->begin_file(path, mode, mtime); !begun) return begun;
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
    EXPECT_FALSE(tree->make_folder(path, 0755, 0)) << path;
    EXPECT_FALSE(tree->make_link(path, "x").value_or(false)) << path;
  }
  EXPECT_FALSE(put(std::string_view("a\0b", 3), "evil"));
  EXPECT_FALSE(put(".", "evil"));
  expect_nothing_outside();
}

TEST_F(SafeTreeTest, NoLinkIsFollowed) {
  fs::create_directory_symlink(folder / "outside", root / "door");
  fs::create_symlink(folder / "outside/file", root / "pipe");
  const auto through = put("door/evil", "evil");
  ASSERT_FALSE(through);
  EXPECT_EQ(through.error().kind, ErrorKind::local_io);
  EXPECT_NE(through.error().message.find("target/door"), std::string::npos) << through.error().message;
  EXPECT_FALSE(tree->make_folder("door/sub", 0755, 0));
  EXPECT_FALSE(tree->make_folder("door", 0755, 0));
  ASSERT_TRUE(put("pipe", "replaces the link"));
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(root / "pipe")));
  expect_nothing_outside();
}

TEST_F(SafeTreeTest, AFolderSwappedForALinkAfterItWasUsedIsNotFollowed) {
  ASSERT_TRUE(tree->make_folder("d", 0700, 0));
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
  ASSERT_TRUE(tree->make_folder("d", 0755, 0));
  const auto refused = put("d", "text");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::local_io);
  EXPECT_TRUE(fs::is_directory(root / "d"));
  EXPECT_EQ(count(root), 1U) << "a temporary file stayed";
}

TEST_F(SafeTreeTest, AnUnfinishedFileLeavesTheOldOne) {
  ASSERT_TRUE(put("f", "old"));
  ASSERT_TRUE(tree->begin_file("f", 0644, 0));
  ASSERT_TRUE(tree->write("half of the ne"));
  EXPECT_EQ(content(root / "f"), "old");
  tree.reset();
  EXPECT_EQ(content(root / "f"), "old");
  EXPECT_EQ(count(root), 1U) << "a temporary file stayed";
}

TEST_F(SafeTreeTest, FoldersGetModeAndTimeAtTheEnd) {
  ASSERT_TRUE(tree->make_folder("d", 0555, 1000000000));
  ASSERT_TRUE(tree->make_folder("d/e", 0500, 1000000001));
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
    ASSERT_TRUE(tree->make_folder("d", 0555, 5));
    ASSERT_TRUE(put("d/f", "text"));
    ASSERT_TRUE(tree->finish());
  }
  EXPECT_EQ(mode_of(root / "d"), 0555U);
}

TEST_F(SafeTreeTest, TheTargetItselfKeepsItsMode) {
  const auto before = mode_of(root);
  ASSERT_TRUE(tree->make_folder("./", 0777, 0));
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

TEST(LinkStaysInside, Table) {
  struct Case {
    const char* path;
    const char* target;
    bool stays;
  };
  for (const auto& [path, target, stays] :
       {Case{"l", "x", true}, Case{"l", "../x", false}, Case{"d/l", "../x", true},
        Case{"./d//l", "../x", true}, Case{"d/l", "../../x", false}, Case{"d/l", "./../x/y", true},
        Case{"d/e/l", "../x/..", false}, Case{"l", ".", true}, Case{"l", "/x", false},
        Case{"l", "", false}}) {
    EXPECT_EQ(link_stays_inside(path, target), stays) << path << " -> " << target;
  }
}

}  // namespace
}  // namespace ec2mpi::ops
