#include "src/cluster/read/host_of.hpp"

#include <gtest/gtest.h>

namespace ec2mpi {
namespace {

std::string refusal_of(std::string_view word) {
  const auto host = host_of(word, BareWords::allowed);
  return host ? "" : host.error();
}

TEST(HostOf, RefusesOtherCellsOfATable) {
  for (const std::string text :
       {"c5n.large", "i-0a1b2c3d4e5f60718", "i-0a1b2c3d4e5f60718.", "i-0a1b2c", "running", "us-east-1",
        "europe-west1-b", "key.pem", "true", "Public", "instance id", "None"}) {
    EXPECT_NE(refusal_of(text), "") << text;
  }
}

TEST(HostOf, RefusesHeadingsAndRemarks) {
  for (const std::string text : {"Servers", "nodes", "done", "Total", "Name", "role"}) {
    EXPECT_NE(refusal_of(text), "") << text;
  }
}

TEST(HostOf, TakesNamesOfMachines) {
  for (const std::string text :
       {"node1", "head", "ubuntu@head", "master", "gpu-west", "c5n.large.example.com"}) {
    EXPECT_EQ(refusal_of(text), "") << text;
  }
}

TEST(HostOf, NeedsADotWhereTheListIsNoPlainOne) {
  EXPECT_FALSE(host_of("node1", BareWords::refused));
  EXPECT_TRUE(host_of("node1.local", BareWords::refused));
}

}  // namespace
}  // namespace ec2mpi
