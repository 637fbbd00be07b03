#include "ec2mpi/ops/pull/remote_glob.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

TEST(RemoteGlob, OnlyWildcardsStandOutsideOfQuotes) {
  EXPECT_FALSE(remote_glob("./plain $(id) `id` ; name"));
  EXPECT_FALSE(remote_glob("./open[bracket"));
  EXPECT_FALSE(remote_glob("./a\\*b"));
  EXPECT_EQ(remote_glob("./r/*.csv")->shell, "./r/*.csv");
  EXPECT_EQ(remote_glob("./$(id)*;`x`?")->shell, "'./$(id)'*';`x`'?");
  EXPECT_EQ(remote_glob("./it's*")->shell, "'./it'\\''s'*");
  EXPECT_EQ(remote_glob("./[!a-c]x")->shell, "./[!a-c]x");
  EXPECT_EQ(remote_glob("./[^a]")->shell, "./[!a]");
  EXPECT_EQ(remote_glob("./[[:digit:]]")->shell, "./[[:digit:]]");
  EXPECT_EQ(remote_glob("./[$;a]")->shell, "./['$'';'a]");
  EXPECT_EQ(remote_glob("./~*{a,b}")->shell, "'./~'*'{a,b}'");
  EXPECT_EQ(remote_glob("./a\\*b*")->shell, "'./a*b'*");
}

TEST(RemoteGlob, NamesOfWhatMatched) {
  const auto name = [](const char* typed, const char* matched) {
    return remote_glob(typed)->name_of(matched).value_or("refused");
  };
  EXPECT_EQ(name("./r/*.csv", "./r/a.csv"), "a.csv");
  EXPECT_EQ(name("./run*/log", "./run1/log"), "run1/log");
  EXPECT_EQ(name("/data/*/x/*.csv", "/data/a/x/b.csv"), "a/x/b.csv");
  EXPECT_EQ(name("./*/", "./dir/"), "dir");
  EXPECT_EQ(name("./[ab]", "./b"), "b");
  EXPECT_EQ(name("./[!a]", "./b"), "b");
  EXPECT_EQ(name("./[[:digit:]]", "./7"), "7");
  EXPECT_EQ(name("./a\\*b*", "./a*bc"), "a*bc");
  EXPECT_EQ(name("./r/*.csv", "./r/key.pem"), "refused");
  EXPECT_EQ(name("./r/*", "./q/a"), "refused");
  EXPECT_EQ(name("./r/*", "./r/a/b"), "refused");
  EXPECT_EQ(name("./r/*", "./r/.ssh"), "refused");
  EXPECT_EQ(name("./r/*", "./r/.."), "refused");
  EXPECT_EQ(name("./?*/x", "./../x"), "refused");
  EXPECT_EQ(name("./.*", "./.."), "refused");
  EXPECT_EQ(name("./r/*", ""), "refused");
}

}  // namespace
}  // namespace ec2mpi::ops
