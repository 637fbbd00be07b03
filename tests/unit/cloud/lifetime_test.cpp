#include "ec2mpi/cloud/lifetime.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cloud {
namespace {

using namespace std::chrono_literals;

TEST(Lifetime, ATimeNeedsItsUnit) {
  EXPECT_EQ(parse_span("90s").value(), 90s);
  EXPECT_EQ(parse_span("8h").value(), 8h);
  EXPECT_EQ(parse_span("7d").value(), 168h);
  EXPECT_EQ(parse_span("1h30m").value(), 90min);
  EXPECT_EQ(parse_span("8 hours").value(), 8h);
  for (const auto* wrong : {"", "8", "h", "0h", "-1h", "1h30", "367d", "99999999999999999999s"})
    EXPECT_FALSE(parse_span(wrong)) << wrong;
}

TEST(Lifetime, ATimeIsShownAsItIsWritten) {
  for (const auto* text : {"90s", "30m", "8h", "7d"}) EXPECT_EQ(span_text(parse_span(text).value()), text);
  EXPECT_EQ(span_text(120s), "2m");
}

TEST(Lifetime, AnIdleRuleStopsOrEndsOrFirstStops) {
  EXPECT_EQ(parse_idle("1h=stop").value().stop, 1h);
  EXPECT_EQ(parse_idle("7d=down").value().down, 168h);
  EXPECT_EQ(parse_idle("7d=down, 1h=stop").value().first(), 1h);
  for (const auto* wrong : {"", "1h", "=stop", "1h=halt", "1h=stop,2h=stop", "1h=stop,"})
    EXPECT_FALSE(parse_idle(wrong)) << wrong;
  EXPECT_FALSE(parse_idle("7d=stop,1h=down")) << "the instances would never stop";
}

TEST(Lifetime, AnInstanceThatStopsItselfCannotEndItself) {
  EXPECT_EQ(Lifetime{}.behaviour(), ShutdownBehaviour::terminate);
  EXPECT_EQ((Lifetime{8h, {.down = 1h}}).behaviour(), ShutdownBehaviour::terminate);
  EXPECT_EQ((Lifetime{8h, {.stop = 1h, .down = 2h}}).behaviour(), ShutdownBehaviour::stop);
}

TEST(Lifetime, JobsGetTheirSignalTenMinutesBeforeOrASixthOfAShortLife) {
  EXPECT_EQ(notice_of(8h), 10min);
  EXPECT_EQ(notice_of(30min), 5min);
}

TEST(Lifetime, TheScriptFitsIntoUserData) {
  const auto script = lifetime_script(Moment(1'800'000'000s), 8h, IdleRule{.stop = 1h});
  EXPECT_TRUE(script.starts_with("#!/bin/sh\n"));
  EXPECT_NE(script.find("end=1800000000"), std::string::npos);
  EXPECT_NE(script.find("idle=3600"), std::string::npos);
  EXPECT_LT(script.size(), 12'000U) << "EC2 takes 16 KiB, and the user's own script needs room, too";
}

TEST(Lifetime, WithoutARuleTheInstanceKeepsItsOwn) {
  EXPECT_NE(lifetime_script(Moment(), 8h, std::nullopt).find("idle=''"), std::string::npos);
}

TEST(Lifetime, AMomentIsIso8601InUtc) {
  EXPECT_EQ(moment_text(Moment(1'795'863'335s)), "2026-11-28T10:55:35Z");
}

}  // namespace
}  // namespace ec2mpi::cloud
