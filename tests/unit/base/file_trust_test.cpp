#include "ec2mpi/base/file_trust.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fstream>

#include "tests/support/scratch_folder.hpp"

namespace ec2mpi {
namespace {

constexpr uid_t kNobody = 65534;

class FileOfSettings : public testing::Test {
 protected:
  FileOfSettings() { std::ofstream(file) << "user = \"root\"\n"; }

  FileTrust with_mode(mode_t mode) {
    ::chmod(file.c_str(), mode);
    return trust_in_file(file);
  }

  test::ScratchFolder folder;
  std::filesystem::path file = folder.path() / "ec2mpi.toml";
};

TEST_F(FileOfSettings, OnesThatOthersCanChangeAreNotTrusted) {
  EXPECT_EQ(with_mode(0644), FileTrust::ours);
  EXPECT_EQ(with_mode(0646), FileTrust::others_write);
  EXPECT_EQ(with_mode(0666), FileTrust::others_write);
  EXPECT_EQ(trust_in_file(folder.path() / "not there"), FileTrust::ours);
}

TEST_F(FileOfSettings, OneOfAnotherUserIsNotTrustedWhateverItsMode) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(::chown(file.c_str(), kNobody, 0), 0);
  EXPECT_EQ(with_mode(0644), FileTrust::others_own);
  EXPECT_EQ(with_mode(0600), FileTrust::others_own);
}

}  // namespace
}  // namespace ec2mpi
