// Rules of --exclude and .gitignore; the expected results are those of gitignore(5).

#include "ec2mpi/ops/node/path_filter.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

TEST(Glob, Table) {
  struct Case {
    const char* pattern;
    const char* path;
    bool matches;
  };
  for (const auto& [pattern, path, matches] :
       std::vector<Case>{{"a", "a", true},          {"a", "ab", false},       {"*.o", "x.o", true},
                         {"*.o", "d/x.o", false},   {"a?c", "abc", true},     {"a?c", "a/c", false},
                         {"[a-c]x", "bx", true},    {"[!a-c]x", "bx", false}, {"[!a-c]x", "dx", true},
                         {"[]]", "]", true},        {"[ab", "[ab", true},     {"\\*", "*", true},
                         {"\\*", "x", false},       {"**/x", "x", true},      {"**/x", "a/b/x", true},
                         {"a/**", "a/b/c", true},   {"a/**/b", "a/b", true},  {"a/**/b", "a/x/y/b", true},
                         {"a/**/b", "a/xb", false}, {"a**b", "axxb", true},   {"a**b", "a/b", false},
                         {"*", "", true},           {"", "", true},           {"a*", "a", true}}) {
    EXPECT_EQ(glob_matches(pattern, path), matches) << pattern << " and " << path;
  }
}

TEST(PathFilter, Table) {
  struct Case {
    const char* rules;
    const char* path;
    bool folder;
    bool excluded;
  };
  for (const auto& [rules, path, folder, excluded] : std::vector<Case>{{"*.o", "x.o", false, true},
                                                                       {"*.o", "a/b/x.o", false, true},
                                                                       {"build/", "build", true, true},
                                                                       {"build/", "build", false, false},
                                                                       {"build/", "build/x/y", false, true},
                                                                       {"/a", "a", false, true},
                                                                       {"/a", "b/a", false, false},
                                                                       {"b/a", "b/a", false, true},
                                                                       {"b/a", "c/b/a", false, false},
                                                                       {"**/b/a", "c/b/a", false, true},
                                                                       {"*\n!keep", "keep", false, false},
                                                                       {"*\n!keep", "other", false, true},
                                                                       {"d\n!d/x", "d/x", false, true},
                                                                       {"# x\n\nx  ", "x", false, true},
                                                                       {"\\#x", "#x", false, true},
                                                                       {"", "x", false, false}}) {
    PathFilter filter;
    filter.add_rules(rules, "");
    EXPECT_EQ(filter.excludes(path, folder), excluded) << rules << " and " << path;
  }
}

TEST(PathFilter, RulesHoldBelowTheirFolder) {
  PathFilter filter;
  filter.add_rule("/x", "sub");
  EXPECT_TRUE(filter.excludes("sub/x", false));
  EXPECT_FALSE(filter.excludes("x", false));
  EXPECT_FALSE(filter.excludes("sub2/x", false));
  EXPECT_FALSE(filter.excludes("sub/d/x", false));
}

}  // namespace
}  // namespace ec2mpi::ops
