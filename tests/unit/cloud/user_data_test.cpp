#include "ec2mpi/cloud/user_data.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cloud {
namespace {

TEST(UserData, OurScriptStandsBeforeTheUsers) {
  const auto joined = join_user_data("#!/bin/sh\nours\n", "#cloud-config\npackages: [vim]\n").value();
  EXPECT_TRUE(joined.starts_with("Content-Type: multipart/mixed; boundary="));
  EXPECT_LT(joined.find("text/x-shellscript"), joined.find("ours"));
  EXPECT_LT(joined.find("ours"), joined.find("text/cloud-config"));
  EXPECT_LT(joined.find("text/cloud-config"), joined.find("packages: [vim]"));
}

TEST(UserData, PartsOfPartsKeepTheirOwnHead) {
  const auto joined =
      join_user_data("#!/bin/sh\n", "Content-Type: multipart/mixed; boundary=\"b\"\n\n--b--\n").value();
  EXPECT_NE(joined.find("\nContent-Type: multipart/mixed; boundary=\"b\"\n"), std::string::npos);
}

TEST(UserData, WhatCloudInitWouldNotRunIsAnError) {
  for (const auto* text : {"", "echo hello\n", "\x1f\x8b gzip", "{}"})
    EXPECT_FALSE(join_user_data("#!/bin/sh\n", text)) << text;
}

TEST(UserData, WhatEc2WouldNotTakeIsAnError) {
  const std::string big = "#!/bin/sh\n" + std::string(16'300, ':');
  const auto joined = join_user_data("#!/bin/sh\n", big);
  ASSERT_FALSE(joined);
  EXPECT_NE(joined.error().message.find("16310 bytes"), std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::cloud
