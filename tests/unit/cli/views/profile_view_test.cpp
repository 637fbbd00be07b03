#include "ec2mpi/cli/views/profile_view.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cli {
namespace {

TEST(ProfileView, ADamagedNumberOfRanksMakesNoEndlessList) {
  ops::JobProfile profile;
  profile.ranks.push_back({.rank = 1, .size = 2});
  const auto json = profile_json(profile, "a-1", 1'000'000'000);
  EXPECT_EQ(json["missing_ranks"].size(), 1000U);
  EXPECT_EQ(json["missing_ranks"][1], 2);
  EXPECT_EQ(json["missing_count"], 999'999'999);
  EXPECT_NE(profile_screen(profile, "a-1", 1'000'000'000).find("(999999999 in all)"), std::string::npos);
}

TEST(ProfileView, MissingRanksAreNamed) {
  ops::JobProfile profile;
  profile.ranks.push_back({.rank = 1, .size = 3});
  const auto json = profile_json(profile, "a-1", 3);
  EXPECT_EQ(json["missing_ranks"], (Json::array({0, 2})));
  EXPECT_EQ(json["missing_count"], 2);
  EXPECT_NE(profile_screen(profile, "a-1", 3).find("no counters of ranks 0,2\n"), std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::cli
