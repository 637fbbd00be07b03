#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/usual_name.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/scratch_folder.hpp"

namespace ec2mpi {
namespace {

namespace fs = std::filesystem;

mode_t mode_of(const fs::path& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

std::size_t count_in(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(ReadFile, GivesBackEveryByte) {
  const test::ScratchFolder folder;
  std::string content("a\0b\r\n\xff", 6);
  content.append(200'000, 'x');
  ASSERT_TRUE(write_file_atomically(folder / "file", content, 0600));
  EXPECT_EQ(read_file(folder / "file"), content);
}

TEST(ReadFile, NamesTheFileAndTheReason) {
  const auto missing = read_file("/nonexistent/\nfile");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::local_io);
  EXPECT_EQ(missing.error().message, "cannot read /nonexistent/\\x0afile: No such file or directory");
  EXPECT_FALSE(read_file("/tmp"));
}

TEST(ReadFile, RefusesWhatIsLargerThanAllowed) {
  const test::ScratchFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "file", "0123456789", 0600));
  EXPECT_TRUE(read_file(folder / "file", 10));
  EXPECT_FALSE(read_file(folder / "file", 9));
  EXPECT_FALSE(read_file("/dev/zero", 1000)) << "a file without end is no exception";
}

TEST(WriteFileAtomically, KeepsALinkAndWritesIntoAPipe) {
  const test::ScratchFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "file", "old", 0600));
  fs::create_symlink("file", folder / "link");
  ASSERT_TRUE(write_file_atomically(folder / "link", "new", 0600));
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "file"), "new");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const UniqueFd reader(::open((folder / "pipe").c_str(), O_RDONLY | O_NONBLOCK));
  ASSERT_TRUE(write_file_atomically(folder / "pipe", "words", 0600));
  EXPECT_TRUE(fs::is_fifo(folder / "pipe"));
  char got[8] = {};
  EXPECT_EQ(::read(reader.get(), got, sizeof got), 5);
  EXPECT_EQ(count_in(folder.path()), 3U);
}

TEST(WriteFileAtomically, RefusesAPipeThatNobodyReads) {
  const test::ScratchFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const auto written = write_file_atomically(folder / "pipe", "words", 0600);
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("it is a pipe that nobody reads"), std::string::npos);
}

TEST(WriteOwnFile, ReplacesALinkOrAPipeOfItsName) {
  const test::ScratchFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "file", "old", 0600));
  fs::create_symlink(folder / "file", folder / "link");
  fs::create_symlink(folder / "gone", folder / "dangling");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (const char* name : {"link", "dangling", "pipe"}) {
    ASSERT_TRUE(write_own_file(folder / name, "new", 0600));
    EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(folder / name))) << name;
    EXPECT_EQ(*read_file(folder / name), "new");
  }
  EXPECT_EQ(*read_file(folder / "file"), "old");
  EXPECT_FALSE(fs::exists(folder / "gone"));
}

TEST(SpareFileOfUser, RefusesAFileWithoutTheMarkAndNothingElse) {
  const test::ScratchFolder folder;
  std::ofstream(folder / "own") << "head\nby ec2mpi\n";
  std::ofstream(folder / "empty") << "";
  std::ofstream(folder / "mine") << "thesis\n";
  fs::create_symlink(folder / "mine", folder / "link");
  for (const char* name : {"own", "empty", "link", "none"})
    EXPECT_TRUE(spare_file_of_user(folder / name, "by ec2mpi", "-o")) << name;
  const auto refused = spare_file_of_user(folder / "mine", "by ec2mpi", "-o");
  ASSERT_FALSE(refused);
  const auto name = (folder / "mine").string();
  EXPECT_EQ(refused.error().message,
            name +
                " is there already, and ec2mpi has not written it; name another file, or "
                "this one to replace it: -o " +
                name);
}

TEST(WriteFileAtomically, RemovesTheFileThatAKilledProcessHasLeft) {
  const test::ScratchFolder folder;
  std::ofstream(folder / "file.0123456789abcdef.tmp") << "half";
  ASSERT_TRUE(write_file_atomically(folder / "file", "new", 0600));
  EXPECT_EQ(count_in(folder.path()), 1U);
}

TEST(WriteFileAtomically, LeavesTheFileThatAnotherProcessStillWrites) {
  const test::ScratchFolder folder;
  const auto busy = folder / "file.0123456789abcdef.tmp";
  std::ofstream(busy) << "half";
  const UniqueFd writer(::open(busy.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(writer.get(), LOCK_EX | LOCK_NB), 0);
  ASSERT_TRUE(write_file_atomically(folder / "file", "new", 0600));
  EXPECT_TRUE(fs::exists(busy));
}

TEST(WriteFileAtomically, LeavesFilesThatOnlyLookLikeItsOwn) {
  const test::ScratchFolder folder;
  const std::vector<std::string> names = {
      "file.tmp",  "file.0123456789ABCDEF.tmp",  "file.0123456789abcdef",
      "file.~tmp", "other.0123456789abcdef.tmp", "file.0123456789abcdefa.tmp"};
  for (const auto& name : names) std::ofstream(folder.path() / name) << "theirs";
  fs::create_symlink("file.tmp", folder / "file.fedcba9876543210.tmp");
  fs::create_directory(folder / "file.aaaaaaaaaaaaaaaa.tmp");
  ASSERT_TRUE(write_file_atomically(folder / "file", "new", 0600));
  for (const auto& name : names) EXPECT_TRUE(fs::exists(folder.path() / name)) << name;
  EXPECT_EQ(count_in(folder.path()), names.size() + 3);
}

TEST(WriteFileAtomically, InAFolderOfItsOwnRemovesTheFilesThatWereLeftForOtherNames) {
  const test::ScratchFolder folder;
  std::ofstream(folder / "other.0123456789abcdef.tmp") << "half";
  const UniqueFd opened(::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_TRUE(write_file_atomically_at(opened.get(), folder / "file", "new", 0600));
  EXPECT_EQ(count_in(folder.path()), 1U);
}

TEST(WriteFileAtomically, ReplacesTheFileAndLeavesNothingElse) {
  const test::ScratchFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "file", "old", 0600));
  std::ifstream reader(folder / "file");
  ASSERT_TRUE(write_file_atomically(folder / "file", "new", 0640));
  std::string seen;
  reader >> seen;
  EXPECT_EQ(seen, "old") << "who has the old file open keeps all of it";
  EXPECT_EQ(read_file(folder / "file"), "new");
  EXPECT_EQ(mode_of(folder / "file"), 0640U);
  EXPECT_EQ(count_in(folder.path()), 1U);
}

TEST(WriteFileAtomically, AFailureLeavesNothingBehind) {
  const test::ScratchFolder folder;
  fs::create_directory(folder / "file");
  const auto written = write_file_atomically(folder / "file", "new", 0600);
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("file: Is a directory"), std::string::npos)
      << written.error().message;
  EXPECT_EQ(count_in(folder.path()), 1U);
  EXPECT_FALSE(write_file_atomically(folder / "none/file", "new", 0600));
}

TEST(MakePrivateFolder, IsForTheUsersEyesOnly) {
  const test::ScratchFolder folder;
  const auto wanted = folder.path() / "a" / "b";
  ASSERT_TRUE(make_private_folder(wanted));
  EXPECT_EQ(mode_of(wanted), 0700U);
  EXPECT_TRUE(make_private_folder(wanted)) << "a second time is no error";
}

TEST(MakePrivateFolder, SaysWhatIsInTheWay) {
  const test::ScratchFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "file", "", 0600));
  EXPECT_FALSE(make_private_folder(folder.path() / "file" / "below"));
}

TEST(UniqueFd, ClosesOnceWhoeverHoldsItLast) {
  int raw = -1;
  {
    UniqueFd first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    raw = first.get();
    UniqueFd second(std::move(first));
    EXPECT_FALSE(first);  // NOLINT: that it is empty is the claim
    EXPECT_EQ(second.get(), raw);
    EXPECT_NE(::fcntl(raw, F_GETFD), -1);
  }
  EXPECT_EQ(::fcntl(raw, F_GETFD), -1);
}

TEST(ExpandHome, ReplacesOnlyALeadingTilde) {
  ASSERT_EQ(::setenv("HOME", "/home/me", 1), 0);
  EXPECT_EQ(expand_home("~/a"), "/home/me/a");
  EXPECT_EQ(expand_home("~"), "/home/me");
  EXPECT_EQ(expand_home("~other/a"), "~other/a");
  EXPECT_EQ(expand_home("a/~/b"), "a/~/b");
}

TEST(ReadFile, RefusesWhatIsNoFileAtOnce) {
  const test::ScratchFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_TRUE(read_file(folder / "pipe", 10)
                  .error()
                  .message.ends_with("pipe is no file, but a pipe or a device; move it away"));
  EXPECT_NE(read_file(folder.path(), 10).error().message.find("but a folder"), std::string::npos);
  EXPECT_EQ(read_file("/dev/null", 10), "");
  EXPECT_NE(read_file("/dev/zero", 10).error().message.find("a device"), std::string::npos);
}

}  // namespace
}  // namespace ec2mpi
