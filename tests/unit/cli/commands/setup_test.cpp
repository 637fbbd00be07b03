// setup without a change to any node: its decisions from the nodes' answers, and its messages.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::FakeNode;
using ::ec2mpi::test::Laptop;

constexpr const char* kHostKey = "AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

/// A node as trust.sh, facts.sh and setup_state.sh describe it.
struct PlayedNode {
  std::string root = "sudo";
  std::string mpirun = "/usr/bin/mpirun\nmpi mpirun (Open MPI) 4.1.4";
  std::string host_key = kHostKey;
  std::string modes = "ok";
  std::string owners = "ok";
  std::string peers = "none";

  [[nodiscard]] FakeNode node(int index) const {
    const auto facts = fmt::format(
        "ec2mpi-facts 1\nprivate_address 10.0.0.{0}\naddresses 10.0.0.{0}\nhostname ip-10-0-0-{0}\nhome "
        "/home/ubuntu\nboot_id {0}\ncores 2\nthreads 2\nmpirun {1}\npython3 /usr/bin/python3\nmpi4py "
        "yes\nefa "
        "no\nsettings no\nec2mpi-facts end\n",
        index, mpirun);
    const auto state = fmt::format(
        "ec2mpi-setup-state 1\nuser ubuntu\nport 22\nroot {}\nhost_key ssh-ed25519 {}\nheaders yes\npackages "
        "apt\nstate known_hosts absent\nstate config absent\nstate key absent\nstate include absent\nstate "
        "authorized absent\nstate hosts absent\nstate modes {}\nstate owners {}\nstate peers {}\n"
        "state home {}.\n"
        "ec2mpi-setup-state end\n",
        root, host_key, modes, owners, peers, index);
    return {.out = facts + state};
  }
};

/// Two nodes; what `setup --dry-run` shows of them.
std::string shown(const PlayedNode& first, const PlayedNode& second, int code = 0) {
  Laptop laptop(2);
  laptop.nodes[1] = first.node(1);
  laptop.nodes[2] = second.node(2);
  const auto done = laptop.run_cli({"setup", "--dry-run"});
  EXPECT_EQ(done.code, code) << done.err;
  return done.out + done.err;
}

TEST(SetupCommand, ADryRunShowsEachTextForAllNodes) {
  const auto text = shown({}, {});
  EXPECT_NE(text.find("would write ~/.ssh/ec2mpi/key, mode 0600: the private key"), std::string::npos)
      << text;
  EXPECT_NE(text.find("Host 10.0.0.2 ip-10-0-0-2 node2"), std::string::npos) << text;
  EXPECT_NE(text.find("would put at the top of /etc/hosts"), std::string::npos) << text;
  EXPECT_EQ(text.find("would install"), std::string::npos) << text;
}

TEST(SetupCommand, WithoutSudoNamesStayOutOfEtcHostsAndNothingCanBeInstalled) {
  const auto text = shown({}, {.root = "none", .mpirun = ""}, 1);
  EXPECT_NE(text.find("/etc/hosts is not written: there is no sudo"), std::string::npos) << text;
  EXPECT_NE(text.find("takes root; there is no sudo"), std::string::npos) << text;
}

TEST(SetupCommand, WhereSudoAsksTheFlagIsNamed) {
  const auto text = shown({}, {.root = "password", .mpirun = ""}, 1);
  EXPECT_NE(text.find("sudo wants a password, and --sudo asks for it"), std::string::npos) << text;
  EXPECT_NE(text.find("takes root; sudo wants a password, and --sudo asks for it"), std::string::npos)
      << text;
}

TEST(SetupCommand, ASudoThatRefusesIsQuotedAndTheFlagIsNotNamed) {
  const std::string said =
      "sudo does not serve here: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set";
  const auto text = shown({}, {.root = "none\nsudo_said " + said, .mpirun = ""}, 1);
  EXPECT_NE(text.find("/etc/hosts is not written: " + said + "; ssh knows"), std::string::npos) << text;
  EXPECT_NE(text.find("takes root; " + said), std::string::npos) << text;
  EXPECT_EQ(text.find("--sudo"), std::string::npos) << text;
}

TEST(SetupCommand, PathsThatOthersMayWriteOrOwnAreNamed) {
  const auto text = shown({.modes = "home,ssh"}, {.owners = "ssh=bob"}, 1);
  EXPECT_NE(text.find("would take away others' write permission: ~, ~/.ssh"), std::string::npos) << text;
  EXPECT_NE(text.find("~/.ssh belongs to bob"), std::string::npos) << text;
  EXPECT_NE(text.find("ec2mpi exec -w 2 --sudo 'chown ubuntu ~ubuntu/.ssh'"), std::string::npos) << text;
}

TEST(SetupCommand, NobodyIsToldToTakeAFileToWhichALinkLeads) {
  const auto text = shown({}, {.owners = "config=root:/etc/passwd"}, 1);
  EXPECT_NE(text.find("~/.ssh/config is a link to /etc/passwd, which belongs to root"), std::string::npos)
      << text;
  EXPECT_EQ(text.find("chown"), std::string::npos) << text;
}

TEST(SetupCommand, ANodeThatDoesNotAnswerDoesNotHoldUpTheOthers) {
  Laptop laptop(2);
  laptop.nodes[1] = PlayedNode{}.node(1);
  laptop.nodes[2] = {.door = FakeNode::Door::refuses};
  const auto done = laptop.run_cli({"setup", "--dry-run"});
  EXPECT_NE(done.out.find("would write ~/.ssh/ec2mpi/config"), std::string::npos) << done.out;
  EXPECT_NE(done.err.find("node2: connection refused"), std::string::npos) << done.err;
  EXPECT_EQ(done.code, 1);
}

TEST(SetupCommand, SomeNodesGetNoNewPairWhereOthersShareTheOldOneOfAnotherSetup) {
  const auto set_up = [](const std::string& peers, std::vector<std::string> selection) {
    Laptop laptop(4);
    for (const int index : {1, 2, 3, 4}) laptop.nodes[index] = PlayedNode{.peers = peers}.node(index);
    selection.insert(selection.begin(), {"setup", "--dry-run"});
    return laptop.run_cli(selection);
  };
  const std::string all = "10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,";
  const auto refused = set_up(all, {"-w", "1,2"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(refused.out.find("would write"), std::string::npos) << refused.out;
  EXPECT_NE(refused.err.find("node1 shares the key pair of another setup with 10.0.0.3, 10.0.0.4, and"),
            std::string::npos)
      << refused.err;
  EXPECT_NE(refused.err.find("setup without -w and -x, or copy"), std::string::npos) << refused.err;
  EXPECT_EQ(set_up(all, {}).code, 0);
  EXPECT_EQ(set_up("10.0.0.1,10.0.0.2,", {"-w", "1,2"}).code, 0);
  EXPECT_EQ(set_up("none", {"-w", "1,2"}).code, 0);
}

TEST(SetupCommand, UndoNamesTheTextsThatItWouldTakeAway) {
  Laptop laptop;
  auto node = PlayedNode{}.node(1);
  const std::string absent = "state key absent";
  node.out.replace(node.out.find(absent), absent.size(), "state key 1 2");
  laptop.nodes[1] = node;
  const auto done = laptop.run_cli({"setup", "--undo", "--dry-run"});
  EXPECT_NE((done.out + done.err).find("~/.ssh/ec2mpi/key"), std::string::npos) << done.out << done.err;
  EXPECT_EQ((done.out + done.err).find("/etc/hosts"), std::string::npos) << done.out << done.err;
  EXPECT_EQ(done.code, 0);
}

}  // namespace
}  // namespace ec2mpi::cli
