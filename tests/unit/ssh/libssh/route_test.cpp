#include "ec2mpi/ssh/libssh/route.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <fstream>

#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ssh {
namespace {

Node node(int index, const std::string& address) {
  Node made;
  made.index = index;
  made.address = address;
  return made;
}

class HostNameTest : public testing::Test {
 protected:
  /// The refusal of the way to `node`, or nothing.
  std::string refusal(const std::string& config, const Node& node) {
    const auto file = folder / "config";
    std::ofstream(file) << config;
    ::chmod(file.c_str(), 0600);
    LibsshOptions options;
    options.ssh_config = file;
    options.listed = listed;
    const auto routes = find_routes(options, {node});
    return routes ? "" : routes.error().message;
  }

  test::ScratchFolder folder;
  std::vector<Node> listed = {node(1, "203.0.113.11"), node(2, "203.0.113.12"), node(3, "head.local")};
};

TEST_F(HostNameTest, MayNotLeadOneAddressOfTheListToAnotherHoweverItIsSpelled) {
  for (const auto* spelling :
       {"203.0.113.12", "::ffff:203.0.113.12", "203.0.113.014", "0xcb.0.113.12", "3405803788"}) {
    const auto said = refusal(std::string("Host 203.0.113.11\n  HostName ") + spelling + "\n", listed[0]);
    EXPECT_NE(said.find(":2: this HostName leads to the machine of node2 (203.0.113.12)"), std::string::npos)
        << spelling << ": " << said;
  }
}

TEST_F(HostNameTest, OfOneThirdMachineForTwoAddressesIsRefusedForBoth) {
  const std::string config = "Host 203.0.113.*\n  HostName 198.51.100.1\n";
  EXPECT_NE(refusal(config, listed[0]).find("of node2"), std::string::npos);
  EXPECT_NE(refusal(config, listed[1]).find("of node1"), std::string::npos);
}

TEST_F(HostNameTest, MayLeadToTheAddressItselfToAnotherPortOrANameToAnAddress) {
  const std::string all = "Host *\n  HostName 203.0.113.11\n";
  EXPECT_EQ(refusal(all, listed[0]), "");
  EXPECT_NE(refusal(all, listed[1]), "");
  EXPECT_EQ(refusal(all, listed[2]), "");
  EXPECT_EQ(refusal("Host 203.0.113.11\n  HostName 203.0.113.12\n  Port 2222\n", listed[0]), "");
  EXPECT_EQ(refusal("Host *.11\n  HostName 127.0.0.1\n  Port 2222\n"
                    "Host *.12\n  HostName 127.0.0.1\n  Port 2223\n",
                    listed[0]),
            "");
}

TEST_F(HostNameTest, APrivateAddressBehindAnotherJumpHostIsAnotherMachine) {
  listed.push_back(node(4, "10.0.0.4"));
  const std::string hosts = "Host 203.0.113.11\n  ProxyJump there\n  HostName ";
  EXPECT_EQ(refusal(hosts + "10.0.0.4\n", listed[0]), "");
  EXPECT_NE(refusal(hosts + "203.0.113.12\n", listed[0]), "");
}

}  // namespace
}  // namespace ec2mpi::ssh
