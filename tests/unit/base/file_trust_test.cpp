#include "ec2mpi/base/file_trust.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fstream>
#include <stop_token>
#include <string>
#include <thread>

#include "tests/support/scratch_folder.hpp"

namespace ec2mpi {
namespace {

constexpr uid_t kNobody = 65534;

class FileOfSettings : public testing::Test {
 protected:
  FileOfSettings() { std::ofstream(file) << "user = \"root\"\n"; }

  std::string with_mode(mode_t mode) {
    ::chmod(file.c_str(), mode);
    const auto text = read_settings(file, 1000, "the file ", "take another");
    return text ? *text : text.error().message;
  }

  test::ScratchFolder folder;
  std::filesystem::path file = folder.path() / "ec2mpi.toml";
};

TEST_F(FileOfSettings, OnesThatOthersCanChangeAreNotRead) {
  const auto refused =
      "the file " + file.string() + " can be changed by others, so it is not used; type: chmod go-w ";
  EXPECT_EQ(with_mode(0644), "user = \"root\"\n");
  EXPECT_EQ(with_mode(0646), refused + file.string());
  EXPECT_EQ(with_mode(0666), refused + file.string());
}

TEST_F(FileOfSettings, OneOfAnotherUserIsNotReadWhateverItsMode) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(::chown(file.c_str(), kNobody, 0), 0);
  const auto refused =
      "the file " + file.string() + " belongs to another user, so it is not used; take another";
  EXPECT_EQ(with_mode(0644), refused);
  EXPECT_EQ(with_mode(0600), refused);
}

TEST_F(FileOfSettings, TheFileThatIsLookedAtIsTheOneThatIsRead) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  // The name leads to one or the other while it is read, many times; what was read is never the other user's.
  const auto others = folder.path() / "others.toml";
  const auto name = folder.path() / "name";
  std::ofstream(others) << "user = \"mallory\"\n";
  ASSERT_EQ(::chown(others.c_str(), kNobody, 0), 0);
  std::filesystem::create_symlink(file, name);
  std::jthread exchange([&](const std::stop_token& stop) {
    const auto link = folder.path() / "next";
    for (bool ours = true; !stop.stop_requested(); ours = !ours) {
      ::symlink((ours ? file : others).c_str(), link.c_str());
      ::rename(link.c_str(), name.c_str());
    }
  });
  int read = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto text = read_settings(name, 1000, "", "");
    if (!text) continue;
    EXPECT_EQ(*text, "user = \"root\"\n");
    ++read;
  }
  EXPECT_GT(read, 0);
}

}  // namespace
}  // namespace ec2mpi
