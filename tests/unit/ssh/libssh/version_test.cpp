#include "ec2mpi/ssh/libssh/version.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ssh {
namespace {

TEST(LibsshVersion, AesGcmIsSafeFromTheVersionsThatHaveTheFix) {
  EXPECT_FALSE(checks_gcm_tags("0.10.6/openssl/zlib", ""));
  EXPECT_FALSE(checks_gcm_tags("0.10.6/openssl/zlib", "0.10.6-0+deb12u2"));
  EXPECT_TRUE(checks_gcm_tags("0.10.6/openssl/zlib", "0.10.6-0+deb12u3"));
  EXPECT_TRUE(checks_gcm_tags("0.10.6/openssl/zlib", "0.10.6-0+deb12u12"));
  EXPECT_FALSE(checks_gcm_tags("0.11.4/openssl", ""));
  EXPECT_FALSE(checks_gcm_tags("0.11.4/openssl", "0.10.6-0+deb12u3")) << "it was built with another libssh";
  EXPECT_TRUE(checks_gcm_tags("0.11.5/openssl", ""));
  EXPECT_FALSE(checks_gcm_tags("0.12.0/openssl", ""));
  EXPECT_TRUE(checks_gcm_tags("0.12.1/openssl", ""));
  EXPECT_TRUE(checks_gcm_tags("1.0.0", ""));
  EXPECT_FALSE(checks_gcm_tags("", ""));
}

TEST(LibsshVersion, IsDescribedInOneLine) {
  const auto text = describe_libssh();
  EXPECT_TRUE(text.starts_with("libssh ")) << text;
  EXPECT_NE(text.find("AES-GCM"), std::string::npos) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
}

}  // namespace
}  // namespace ec2mpi::ssh
