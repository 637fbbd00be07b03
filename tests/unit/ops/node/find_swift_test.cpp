/// find_swift.sh as sh runs it, with an ssh that prints lists of ours.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

/// The options for an ssh that does `text` when it is asked for its lists.
std::string swift_options(const std::string& text) {
  const test::ScratchFolder scratch;
  const auto ssh = scratch.path() / "ssh";
  std::ofstream(ssh) << "#!/bin/sh\n[ \"$*\" = '-G -T -p 22 10.0.0.12' ] || exit 1\n" << text << "\n";
  std::filesystem::permissions(ssh, std::filesystem::perms::owner_all);
  std::ofstream(scratch.path() / "program")
      << find_swift_text() << "PATH=" << scratch.path().string()
      << ":$PATH\nfind_swift -p 22 10.0.0.12\nprintf '%s|' $swift >" << (scratch.path() / "said").string();
  EXPECT_EQ(std::system(("sh " + (scratch.path() / "program").string()).c_str()), 0);
  return read_file(scratch.path() / "said").value_or("");
}

TEST(FindSwift, TheCheapestAlgorithmsComeInFrontOfTheOthers) {
  EXPECT_EQ(swift_options("echo 'ciphers aes256-ctr,aes128-gcm@openssh.com'; echo port 22\n"
                          "echo kexalgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256"),
            "-o|Ciphers=aes128-gcm@openssh.com,aes256-ctr,aes128-gcm@openssh.com|-o|"
            "KexAlgorithms=curve25519-sha256,sntrup761x25519-sha512@openssh.com,curve25519-sha256|");
}

TEST(FindSwift, WhatTheConfigurationThereExcludesIsNotUsed) {
  EXPECT_EQ(swift_options("echo ciphers aes256-ctr; echo kexalgorithms ecdh-sha2-nistp256"), "|");
}

TEST(FindSwift, AnSshThatDoesNotTellItsListsIsLeftAsItIs) {
  EXPECT_EQ(swift_options("echo 'unknown option -- G' >&2; exit 255"), "|");
}

}  // namespace
}  // namespace ec2mpi::ops
