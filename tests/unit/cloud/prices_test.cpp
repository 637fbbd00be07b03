#include "ec2mpi/cloud/prices.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cloud {
namespace {

TEST(Prices, TheUsersOwnPriceComesBeforeTheTable) {
  const PriceList prices({{"c5n.large", 0.5}}, "us-east-2");
  EXPECT_DOUBLE_EQ(prices.hour_of("c5n.large").value(), 0.5);
  EXPECT_EQ(prices.source_of("c5n.large"), "[prices]");
  EXPECT_DOUBLE_EQ(prices.hour_of("c5n.18xlarge").value(), 3.888);
  EXPECT_TRUE(prices.source_of("c5n.18xlarge").starts_with("ec2mpi's table of 20"));
}

TEST(Prices, WhatTheTableDoesNotHaveIsUnknown) {
  EXPECT_FALSE(PriceList({}, "us-east-2").hour_of("p9.48xlarge"));
  EXPECT_FALSE(PriceList({}, "eu-central-1").hour_of("c5n.large")) << "another region has other prices";
  EXPECT_FALSE(PriceList({}, "eu-central-1").month_of_disk("gp3", 8));
}

TEST(Prices, ADiskCostsByItsSize) {
  EXPECT_DOUBLE_EQ(PriceList({}, "us-east-1").month_of_disk("gp3", 100).value(), 8);
}

TEST(Prices, SizesOfAFamilyCostInProportion) {
  const PriceList prices({}, "us-east-2");
  for (const auto* family : {"c5", "c5n", "m5"})
    EXPECT_DOUBLE_EQ(prices.hour_of(std::string(family) + ".4xlarge").value(),
                     8 * prices.hour_of(std::string(family) + ".large").value());
}

}  // namespace
}  // namespace ec2mpi::cloud
