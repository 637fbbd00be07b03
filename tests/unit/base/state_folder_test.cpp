#include "ec2mpi/base/state_folder.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fstream>

#include "tests/support/scratch_folder.hpp"

namespace ec2mpi {
namespace {

namespace fs = std::filesystem;

class StateFolderTest : public testing::Test {
 protected:
  [[nodiscard]] std::string refusal_of(const fs::path& name,
                                       StateFolder::Content content = StateFolder::Content::open) const {
    const auto read = state.read(name, content);
    return read ? "" : read.error().message;
  }

  test::ScratchFolder folder;
  StateFolder state = StateFolder(folder / "state");
};

TEST_F(StateFolderTest, KeepsWhatIsWrittenForTheUsersEyesOnly) {
  EXPECT_EQ(state.read("lists/a").value(), std::nullopt);
  ASSERT_TRUE(state.write("lists/a", "text"));
  EXPECT_EQ(state.read("lists/a", StateFolder::Content::secret).value(), "text");
  EXPECT_EQ(fs::status(folder / "state").permissions(), fs::perms(0700));
  EXPECT_EQ(fs::status(folder / "state/lists").permissions(), fs::perms(0700));
  EXPECT_EQ(fs::status(folder / "state/lists/a").permissions(), fs::perms(0600));
}

TEST_F(StateFolderTest, RefusesWhatOthersCanWrite) {
  ASSERT_TRUE(state.write("lists/a", "text"));
  for (const auto* path : {"state/lists/a", "state/lists", "state"}) {
    const auto before = fs::status(folder / path).permissions();
    fs::permissions(folder / path, before | fs::perms::group_write);
    EXPECT_NE(refusal_of("lists/a").find(std::string(path) + " can be changed by others"), std::string::npos)
        << path;
    EXPECT_FALSE(state.write("lists/a", "other")) << path;
    fs::permissions(folder / path, before);
  }
  EXPECT_EQ(state.read("lists/a").value(), "text");
}

TEST_F(StateFolderTest, RefusesASecretThatOthersCanRead) {
  ASSERT_TRUE(state.write("key", "text"));
  fs::permissions(folder / "state/key", fs::perms(0644));
  EXPECT_EQ(refusal_of("key"), "");
  EXPECT_NE(refusal_of("key", StateFolder::Content::secret).find("can be read by others (mode 0644)"),
            std::string::npos);
}

TEST_F(StateFolderTest, FollowsNoLink) {
  std::ofstream(folder / "elsewhere") << "text";
  ASSERT_TRUE(state.make());
  fs::create_symlink(folder / "elsewhere", folder / "state/known_hosts");
  EXPECT_NE(refusal_of("known_hosts").find("known_hosts is a link"), std::string::npos);
  EXPECT_FALSE(state.append("known_hosts", [](std::string_view) -> Result<std::string> { return "more"; }));
  fs::create_directory_symlink(folder / "state", folder / "linked");
  EXPECT_FALSE(StateFolder(folder / "linked").check());
  EXPECT_EQ(read_file(folder / "elsewhere").value(), "text");
}

TEST_F(StateFolderTest, UnderSudoTheFilesOfTheUserWhoAskedAreTrustedAndNoOthers) {
  if (::geteuid() != 0) GTEST_SKIP() << "not root";
  ASSERT_TRUE(state.write("a", "text"));
  ASSERT_EQ(::chown((folder / "state/a").c_str(), 4242, 4242), 0);
  EXPECT_NE(refusal_of("a").find("a belongs to user 4242"), std::string::npos) << refusal_of("a");
  ::setenv("SUDO_UID", "4242", 1);
  EXPECT_EQ(refusal_of("a"), "");
  ::unsetenv("SUDO_UID");
}

TEST_F(StateFolderTest, RemovesFilesAndTheirEmptyFolders) {
  ASSERT_TRUE(state.write("setup/list/key", "text"));
  ASSERT_TRUE(state.write("other", "text"));
  state.remove({"setup/list/key", "setup/list/nodes"});
  EXPECT_FALSE(fs::exists(folder / "state/setup"));
  EXPECT_TRUE(fs::exists(folder / "state/other"));
}

}  // namespace
}  // namespace ec2mpi
