#include "ec2mpi/ssh/libssh/key_pair.hpp"

#include <gtest/gtest.h>

#include "ec2mpi/base/file.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ssh {
namespace {

TEST(KeyPairs, AreFreshAndInTheFormThatEverySshReads) {
  const auto one = make_key_pair();
  const auto other = make_key_pair();
  ASSERT_TRUE(one && other);
  EXPECT_NE(one->public_key, other->public_key);
  EXPECT_TRUE(one->public_key.starts_with("ssh-ed25519 AAAA"));
  EXPECT_TRUE(one->private_text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
  EXPECT_TRUE(one->private_text.ends_with("-----END OPENSSH PRIVATE KEY-----\n"));
}

TEST(KeyPairs, AreReadAgain) {
  const test::ScratchFolder folder;
  const auto made = make_key_pair();
  ASSERT_TRUE(made);
  const auto file = folder.path() / "key";
  ASSERT_TRUE(write_file_atomically(file, made->private_text, 0600));
  const auto read = parse_key_pair(read_file(file).value(), file);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->public_key, made->public_key);
  EXPECT_EQ(read->private_text, made->private_text);
}

TEST(KeyPairs, WhatIsNoneIsNamed) {
  const test::ScratchFolder folder;
  const auto file = folder.path() / "key";
  ASSERT_TRUE(write_file_atomically(file, "nonsense\n", 0600));
  const auto read = parse_key_pair(read_file(file).value(), file);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find(file.string()), std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::ssh
