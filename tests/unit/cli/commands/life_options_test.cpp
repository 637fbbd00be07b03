#include "src/cli/commands/life_options.hpp"

#include <gtest/gtest.h>

#include "ec2mpi/base/text.hpp"
#include "src/cli/commands/instance_life.hpp"

namespace ec2mpi::cli {
namespace {

using namespace std::chrono_literals;

const cloud::PriceList kPrices({{"cheap", 0.5}, {"dear", 2}, {"gift", 0}}, "eu-central-1");
const cloud::Moment kNow{1'800'000'000s};

cloud::Instance instance_with(cloud::Tags tags, std::string state = "running") {
  cloud::Instance one;
  one.id = "i-1";
  one.type = "cheap";
  one.state = std::move(state);
  one.launched = cloud::moment_text(kNow - 2h);
  one.tags = std::move(tags);
  return one;
}

TEST(LifeOptions, ALifeOfEightHoursIsUsual) {
  EXPECT_EQ(choose_lifetime({}, kPrices, {"unknown"}, 4).value().length, 8h);
  EXPECT_EQ(choose_lifetime({.ttl = "90m"}, kPrices, {"unknown"}, 4).value().length, 90min);
  EXPECT_FALSE(choose_lifetime({.ttl = "9s"}, kPrices, {"unknown"}, 4));
}

TEST(LifeOptions, ABudgetIsNotExceededByTheDearestType) {
  EXPECT_EQ(choose_lifetime({.budget = 20}, kPrices, {"cheap", "dear"}, 5).value().length, 2h);
  EXPECT_EQ(choose_lifetime({.budget = 20}, kPrices, {"cheap"}, 5).value().length, 8h);
  EXPECT_GT(choose_lifetime({.budget = 20}, kPrices, {"gift"}, 5).value().length, 8000h);
}

TEST(LifeOptions, ABudgetNeedsThePriceAndTenMinutes) {
  const auto unknown = choose_lifetime({.budget = 20}, kPrices, {"cheap", "unknown"}, 5);
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("price of unknown is not known; add it to [prices]"),
            std::string::npos);
  EXPECT_FALSE(choose_lifetime({.budget = 1}, kPrices, {"dear"}, 5)) << "it pays for six minutes";
}

TEST(LifeOptions, AnIdleTimeBehindTheEndIsAnError) {
  EXPECT_FALSE(choose_lifetime({.idle = "7d=down"}, kPrices, {}, 1));
  EXPECT_TRUE(choose_lifetime({.ttl = "8d", .idle = "7d=down"}, kPrices, {}, 1));
  EXPECT_TRUE(choose_lifetime({.idle = "1h=stop,7d=down"}, kPrices, {}, 1))
      << "the second part counts when it is stopped";
}

TEST(LifeOptions, ThePlanSaysWhatIsLost) {
  EXPECT_NE(life_words({}, kNow)[0].find("results that only lie on them are then lost"), std::string::npos);
  const auto stops = life_words({8h, {.stop = 1h, .down = 168h}}, kNow);
  EXPECT_NE(stops[0].find("disks stay and cost money"), std::string::npos);
  EXPECT_EQ(stops.size(), 3U);
}

TEST(LifeOptions, ThePriceIsShownUntilTheEndOfLifeOrIsUnknown) {
  EXPECT_EQ(price_words(kPrices, "cheap", 4, 8h), "2.00 an hour, 16.00 until the end of life, by [prices]");
  EXPECT_TRUE(price_words(kPrices, "unknown", 4, 8h).starts_with("price unknown"));
}

TEST(InstanceLife, StatusShowsTheTimeThatIsLeft) {
  EXPECT_EQ(end_words(instance_with(life_tags(kNow + 7h + 12min, 8h, {})), kNow), "ends in 7 h 12 min");
  EXPECT_EQ(end_words(instance_with(life_tags(kNow + 9min, 8h, {})), kNow),
            "ENDS in 9 min: ec2mpi extend moves the end");
  EXPECT_NE(end_words(instance_with(life_tags(kNow - 9min, 8h, {})), kNow).find("ec2mpi down"),
            std::string::npos);
  EXPECT_EQ(end_words(instance_with({}), kNow), "");
  EXPECT_EQ(end_words(instance_with({{"ec2mpi:expires", "soon"}}), kNow), "");
}

TEST(InstanceLife, StatusAsksForTheEndOfWhatWasStoppedForTooLong) {
  const cloud::IdleRule rule{.stop = 1h, .down = 90min};
  const auto tags = life_tags(kNow - 1h, 8h, rule);
  EXPECT_NE(end_words(instance_with(tags, "stopped"), kNow).find("1h=stop,90m=down: ec2mpi down ends it"),
            std::string::npos);
  EXPECT_EQ(end_words(instance_with(life_tags(kNow, 8h, {.stop = 1h, .down = 3h}), "stopped"), kNow), "");
}

TEST(InstanceLife, AStartBeginsANewLifeOnlyIfTheOldOneIsOver) {
  const auto over = life_after_start(instance_with(life_tags(kNow - 1min, 8h, {})), kNow);
  ASSERT_TRUE(over);
  EXPECT_EQ(over->at("ec2mpi:expires"), cloud::moment_text(kNow + 8h));
  EXPECT_FALSE(life_after_start(instance_with(life_tags(kNow + 1min, 8h, {})), kNow));
  EXPECT_FALSE(life_after_start(instance_with({}), kNow));
}

TEST(InstanceLife, TheCostOfAllNamesTypesWithoutAPrice) {
  auto other = instance_with({});
  other.type = "odd";
  EXPECT_EQ(cost_words({instance_with({}), instance_with({}, "stopped"), other}, kPrices, kNow),
            "2 instances running: 0.50 an hour, 1.00 since the last start, by [prices]; without the price of "
            "odd, which is unknown");
  EXPECT_EQ(cost_words({instance_with({}, "stopped")}, kPrices, kNow), "");
}

cloud::Instance spot_instance(std::string zone) {
  auto one = instance_with({});
  one.spot = true;
  one.zone = std::move(zone);
  return one;
}

TEST(InstanceLife, ASpotInstanceCountsAtTheSpotPriceOfItsZone) {
  auto prices = kPrices;
  prices.add_spot_hour("cheap", "zone-a", 0.125);
  prices.add_spot_hour("cheap", "zone-b", 0.25);
  EXPECT_DOUBLE_EQ(hourly_price(spot_instance("zone-a"), prices).value(), 0.125);
  EXPECT_DOUBLE_EQ(cost_so_far(spot_instance("zone-b"), prices, kNow).value(), 0.5);
  EXPECT_DOUBLE_EQ(hourly_price(instance_with({}), prices).value(), 0.5) << "on demand";
  EXPECT_EQ(cost_words({instance_with({}), spot_instance("zone-a")}, prices, kNow),
            "2 instances running: 0.62 an hour, 1.25 since the last start, by EC2's present spot prices and "
            "[prices]");
}

TEST(InstanceLife, ASpotInstanceNeverCountsAtTheOnDemandPriceOfOurTable) {
  auto spot = spot_instance("us-east-2a");
  spot.type = "c5n.large";
  EXPECT_FALSE(hourly_price(spot, cloud::PriceList({}, "us-east-2")));
  EXPECT_EQ(cost_words({spot}, cloud::PriceList({}, "us-east-2"), kNow),
            "1 instance running; price unknown: c5n.large as spot");
  EXPECT_DOUBLE_EQ(hourly_price(spot, cloud::PriceList({{"c5n.large", 0.03}}, "us-east-2")).value(), 0.03)
      << "the user's own price";
}

}  // namespace
}  // namespace ec2mpi::cli
