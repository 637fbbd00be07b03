#include "ec2mpi/cluster/values/address.hpp"

#include <gtest/gtest.h>

#include <string>

#include "ec2mpi/cluster/values/ec2_words.hpp"

namespace ec2mpi {
namespace {

TEST(HostSpec, TakesUserHostAndPortApart) {
  const auto spec = parse_host_spec("ubuntu@node-1.example.org:2222");
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->user, "ubuntu");
  EXPECT_EQ(spec->host, "node-1.example.org");
  EXPECT_EQ(spec->number, 2222);
}

TEST(HostSpec, TellsKindsOfAddresses) {
  EXPECT_EQ(parse_host_spec("52.15.165.68")->kind, HostSpec::Kind::public_v4);
  EXPECT_EQ(parse_host_spec("172.31.16.10")->kind, HostSpec::Kind::private_v4);
  EXPECT_EQ(parse_host_spec("2600::1")->kind, HostSpec::Kind::ipv6);
  EXPECT_EQ(parse_host_spec("node1")->kind, HostSpec::Kind::name);
}

TEST(UserName, MayStandInADomain) {
  EXPECT_TRUE(is_user_name("ann.lee@corp.example.com"));
  for (const std::string text :
       {"ann@", "@corp", "ann@corp@x", "ann@-x", "ann@a b", "corp\\ann", "ann@$(id)", "-a@corp"})
    EXPECT_FALSE(is_user_name(text)) << text;
}
TEST(HostSpec, RefusesWhatSshOrAShellWouldReadOtherwise) {
  for (const std::string text :
       {"-oProxyCommand=id", "a;b", "$(id)", "a b", "a|b", "`id`", "root@-x", "-x@host", "a@b@c", "host:0",
        "host:65536", "host:", "host:22x", "my_node", "..", "a..b", "a-.b", ""}) {
    EXPECT_FALSE(parse_host_spec(text)) << text;
  }
}

TEST(HostSpec, RefusesNumbersThatResolversReadAsAddresses) {
  for (const std::string text : {"52.15.300.1", "18.218.185", "1", "010.0.0.1", "0x7f000001", "10.0.0.0x1"}) {
    EXPECT_FALSE(parse_host_spec(text)) << text;
  }
}

TEST(HostSpec, RefusesAddressesOfNoMachine) {
  for (const std::string text :
       {"0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "fe80::1%eth0"}) {
    EXPECT_FALSE(parse_host_spec(text)) << text;
  }
}

TEST(PrivateIpv4, IncludesSharedAddressSpaceButNotItsNeighbours) {
  EXPECT_TRUE(is_private_ipv4("100.64.0.1"));
  EXPECT_TRUE(is_private_ipv4("172.31.255.255"));
  EXPECT_FALSE(is_private_ipv4("100.24.0.0"));
  EXPECT_FALSE(is_private_ipv4("172.32.0.0"));
}

TEST(InstanceType, MatchesEveryFamily) {
  for (const std::string type :
       {"c5n.large", "t2.nano", "u-6tb1.metal", "x2iedn.metal-24xl", "c7gn.16xlarge", "mac2-m2pro.metal"}) {
    EXPECT_TRUE(is_instance_type(type)) << type;
  }
  for (const std::string type :
       {"c5n", "c5n.", "node.large", "C5n.large", "c5n.huge", "c5n.metal-xl", ".large"}) {
    EXPECT_FALSE(is_instance_type(type)) << type;
  }
}

TEST(AvailabilityZone, MatchesLocalZonesAndPartitions) {
  for (const std::string zone :
       {"us-east-2a", "us-gov-west-1b", "cn-north-1a", "us-west-2-lax-1a", "us-east-1-wl1-bos-wlz-1"}) {
    EXPECT_TRUE(is_availability_zone(zone)) << zone;
  }
  EXPECT_FALSE(is_availability_zone("linux-key-1a"));
}

TEST(PublicDns, EncodesItsAddress) {
  EXPECT_EQ(address_in_public_dns("ec2-52-15-165-68.us-east-2.compute.amazonaws.com"), "52.15.165.68");
  EXPECT_EQ(address_in_public_dns("ec2-52-15-165-68.compute-1.amazonaws.com"), "52.15.165.68");
  EXPECT_EQ(address_in_public_dns("ec2-52-15-165-68.cn-north-1.compute.amazonaws.com.cn"), "52.15.165.68");
  EXPECT_FALSE(address_in_public_dns("ec2-52-15-165-68.compute-1.amazonaws.com.evil.org"));
  EXPECT_FALSE(address_in_public_dns("ec2-52-15-300-68.compute-1.amazonaws.com"));
  EXPECT_FALSE(address_in_private_dns("ip-250-31-16-10.us-east-2.compute.internal")) << "is reserved";
}

}  // namespace
}  // namespace ec2mpi
