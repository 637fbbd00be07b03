#include "src/ops/pull/safe_path.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

TEST(NamesBelow, NoPathLeadsOutOfTheFolder) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(names_below("a//./b"), Names({"a", "b"}));
  EXPECT_EQ(names_below("."), Names());
  for (const std::string_view path : {"", "/a", "../a", "a/../b", "a/.."})
    EXPECT_EQ(names_below(path).error().kind, ErrorKind::protocol) << path;
  EXPECT_FALSE(names_below(std::string_view("a\0b", 3)));
}

TEST(LinkStaysInside, Table) {
  struct Case {
    const char* path;
    const char* target;
    bool stays;
  };
  for (const auto& [path, target, stays] :
       {Case{"l", "x", true}, Case{"l", "../x", false}, Case{"d/l", "../x", true},
        Case{"./d//l", "../x", true}, Case{"d/l", "../../x", false}, Case{"d/l", "./../x/y", true},
        Case{"d/e/l", "../x/..", false}, Case{"l", ".", true}, Case{"l", "/x", false},
        Case{"l", "", false}}) {
    EXPECT_EQ(link_stays_inside(path, target), stays) << path << " -> " << target;
  }
}

}  // namespace
}  // namespace ec2mpi::ops
