#include "src/ssh/kept/socket_folder.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ssh {
namespace {

class SocketFolders : public testing::Test {
 protected:
  [[nodiscard]] SocketFolder made() const {
    auto folder = SocketFolder::make(path);
    EXPECT_TRUE(folder.has_value()) << (folder ? "" : folder.error().message);
    return std::move(*folder);
  }
  [[nodiscard]] ::mode_t mode(const std::filesystem::path& file) const {
    struct stat info {};
    EXPECT_EQ(::lstat(file.c_str(), &info), 0);
    return info.st_mode & 0777;
  }

  test::ScratchFolder scratch;
  std::filesystem::path path = scratch / "kept";
};

TEST_F(SocketFolders, TheFolderAndItsSocketsAreForUsOnly) {
  const auto folder = made();
  const auto socket = folder.listen("node1");
  ASSERT_TRUE(socket.has_value());
  EXPECT_EQ(mode(path), 0700U);
  EXPECT_EQ(mode(path / "node1"), 0600U);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"node1"});
}

TEST_F(SocketFolders, AFolderThatIsOpenToOthersOrALinkIsNotTrusted) {
  ASSERT_FALSE(SocketFolder::find(path).value());
  (void)made();
  EXPECT_TRUE(SocketFolder::find(path).value());
  ::chmod(path.c_str(), 0755);
  EXPECT_FALSE(SocketFolder::find(path));
  EXPECT_NE(SocketFolder::make(path).error().message.find("open to others; close it: chmod 700 "),
            std::string::npos);
  ::chmod(path.c_str(), 0700);
  std::filesystem::create_directory_symlink(path, scratch / "link");
  const auto link = SocketFolder::find(scratch / "link");
  ASSERT_FALSE(link);
  EXPECT_NE(link.error().message.find("is a link, which is not followed; remove it: rm "), std::string::npos);
}

TEST_F(SocketFolders, AConnectionReachesAProcessOfOurOwnUser) {
  const auto folder = made();
  const auto listening = folder.listen("node1");
  const auto connected = folder.connect("node1");
  ASSERT_TRUE(connected);
  EXPECT_TRUE(owner_of_socket(connected.get()).ours);
  EXPECT_EQ(owner_of_socket(connected.get()).pid, ::getpid());
}

TEST_F(SocketFolders, ANameWhoseProcessIsGoneIsRemoved) {
  const auto folder = made();
  { const auto ended = folder.listen("node1"); }
  ASSERT_TRUE(folder.file("node1").has_value());
  EXPECT_FALSE(folder.connect("node1"));
  EXPECT_FALSE(folder.file("node1").has_value());
}

TEST_F(SocketFolders, ALaterSocketTakesTheName) {
  const auto folder = made();
  const auto first = folder.listen("node1");
  const auto file = folder.file("node1");
  const auto second = folder.listen("node1");
  EXPECT_NE(folder.file("node1"), file);
  EXPECT_EQ(folder.names().size(), 1U) << "and leaves nothing beside it";
}

TEST_F(SocketFolders, APathMayBeLongerThanASocketsAddress) {
  path = scratch / std::string(200, 'x').c_str();
  const auto folder = made();
  const auto listening = folder.listen("node1");
  ASSERT_TRUE(listening.has_value()) << listening.error().message;
  EXPECT_TRUE(folder.connect("node1"));
}

}  // namespace
}  // namespace ec2mpi::ssh
