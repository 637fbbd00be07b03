#include "ec2mpi/cluster/values/facts.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace ec2mpi {
namespace {

const std::string kBody =
    "private_address 10.0.0.11\naddresses 127.0.0.1 10.0.0.11 172.17.0.1\nhostname ip-10-0-0-11\nhome "
    "/home/ubuntu\n"
    "boot_id 1f3c\ncores 2\nthreads 4\nmpirun /usr/bin/mpirun\nmpi mpirun (Open MPI) 4.1.4\nmpi\n"
    "mpi Report bugs to http://www.open-mpi.org/community/help/\npython3 /usr/bin/python3\nmpi4py yes\nefa "
    "no\nsettings no\n";

std::string told(const std::string& body) {
  return "ec2mpi-facts 1\n" + body + "ec2mpi-facts end\n";
}

std::string without(const std::string& key) {
  auto body = kBody;
  const auto start = body.find(key + " ");
  return body.erase(start, body.find('\n', start) + 1 - start);
}

std::string with(const std::string& key, const std::string& value) {
  return without(key) + key + " " + value + "\n";
}

TEST(Facts, AProgramThatHangsIsNamed) {
  const auto facts = parse_facts("ec2mpi-facts 1\nhangs /net/mpi/bin/mpirun\nec2mpi-facts end\n");
  ASSERT_FALSE(facts);
  EXPECT_EQ(
      facts.error().message,
      "/net/mpi/bin/mpirun does not answer there within 20 s; does it lie on a file server that is down?");
}

TEST(ParseFacts, ToolsThatTheNodeLacksAreNamed) {
  const auto facts =
      parse_facts("ec2mpi-facts 1\nlacks awk sed\nprivate_address 10.0.0.1\nec2mpi-facts end\n");
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().message, "ec2mpi needs programs that this node lacks: awk sed; install them");
}

TEST(NodeFacts, HoldWhatAnMpirunThatFailsSays) {
  auto body = kBody;
  const std::string version = "mpi mpirun (Open MPI) 4.1.4\n";
  body.replace(body.find(version), version.size(), "mpi -----\nmpi mpirun: file too short\nmpi more\n");
  const auto facts = parse_facts(told(body));
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_FALSE(facts->mpi);
  EXPECT_EQ(facts->mpi_error, "mpirun: file too short");
  EXPECT_EQ(parse_facts(told(kBody))->mpi_error, "");
}

TEST(NodeFacts, AreReadFromWhatTheScriptPrints) {
  const auto facts = parse_facts(told(kBody));
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->private_address.text(), "10.0.0.11");
  EXPECT_EQ(facts->addresses.size(), 3U);
  EXPECT_EQ(facts->hostname, "ip-10-0-0-11");
  EXPECT_EQ(facts->home, "/home/ubuntu");
  EXPECT_EQ(facts->cores, 2);
  EXPECT_EQ(facts->threads, 4);
  EXPECT_EQ(facts->mpirun, "/usr/bin/mpirun");
  ASSERT_TRUE(facts->mpi);
  EXPECT_EQ(facts->mpi->name(), "Open MPI 4.1.4");
  EXPECT_TRUE(facts->mpi4py);
  EXPECT_FALSE(facts->efa);
}

TEST(NodeFacts, TellTheSettingsOfOpenMpiThatTheNodeHas) {
  const auto facts =
      parse_facts(told(kBody + "setting btl_tcp_if_exclude /h/.openmpi/mca-params.conf:3 lo, docker0\n"
                               "setting coll_tuned_use_dynamic_rules OMPI_MCA_coll \x1b[31m\n"));
  ASSERT_TRUE(facts) << facts.error().message;
  ASSERT_EQ(facts->settings.size(), 2U);
  EXPECT_EQ(facts->settings[0],
            (MpiSetting{"btl_tcp_if_exclude", "/h/.openmpi/mca-params.conf:3", "lo, docker0"}));
  EXPECT_EQ(facts->settings[1].value, "\\x1b[31m");
  EXPECT_FALSE(parse_facts(told(kBody + "setting btl\n")));
}

TEST(NodeFacts, OfANodeThatSendsSettingsWithoutEndStaySmall) {
  auto body = kBody;
  for (int i = 0; i < 1000; ++i) body += fmt::format("setting btl /f:{} {}\n", i, std::string(1000, 'x'));
  const auto facts = parse_facts(told(body));
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->settings.size(), 32U);
  EXPECT_EQ(facts->settings[0].value.size(), 300U);
}

TEST(NodeFacts, BehindAGreetingAreStillRead) {
  EXPECT_TRUE(parse_facts("Welcome!\nprivate_address 6.6.6.6\n" + told(kBody) + "logout\n"));
}

TEST(NodeFacts, OfANodeWithoutMpiAndPythonAreComplete) {
  auto body = without("mpi4py") + "mpi4py no\n";
  for (const auto* line : {"mpirun /usr/bin/mpirun\n", "python3 /usr/bin/python3\n"}) {
    const std::string full = line;
    body.replace(body.find(full), full.size(), full.substr(0, full.find(' ')) + " \n");
  }
  const auto facts = parse_facts(told(body));
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->mpirun, "");
  EXPECT_EQ(facts->python3, "");
}

TEST(NodeFacts, MoreCoresThanThreadsMeansThatNotAllMayBeUsed) {
  EXPECT_EQ(parse_facts(told(with("cores", "64")))->cores, 4);
}

TEST(NodeFacts, ThatAreMissingRepeatedUnknownOrOddAreRefused) {
  for (const auto* key :
       {"private_address", "hostname", "home", "cores", "threads", "mpi4py", "efa", "boot_id"}) {
    const auto facts = parse_facts(told(without(key)));
    ASSERT_FALSE(facts) << key;
    EXPECT_EQ(facts.error().message, std::string("the node did not tell its ") + key);
  }
  const std::string bad[] = {kBody + "cores 2\n",
                             kBody + "colour red\n",
                             with("private_address", "10.0.0.300"),
                             with("private_address", "10.0.0.1; reboot"),
                             with("private_address", ""),
                             with("addresses", "10.0.0.1 fe80::1"),
                             with("cores", "0"),
                             with("cores", "-1"),
                             with("threads", "99999999999999999999"),
                             with("home", "ubuntu"),
                             with("home", ""),
                             with("mpirun", "mpirun"),
                             with("mpirun", "/usr/bin/\x1b[2Jmpirun"),
                             with("hostname", "a\x07"),
                             with("mpi4py", "maybe"),
                             kBody + "hostname2 " + std::string(10'000, 'x') + "\n"};
  for (const auto& body : bad) {
    const auto facts = parse_facts(told(body));
    ASSERT_FALSE(facts) << body;
    EXPECT_EQ(facts.error().kind, ErrorKind::remote_io);
    EXPECT_EQ(facts.error().message.find('\x1b'), std::string::npos);
    EXPECT_LT(facts.error().message.size(), 300U);
  }
}

TEST(NodeFacts, CutOffOrAbsentAreToldApart) {
  EXPECT_NE(parse_facts("ec2mpi-facts 1\n" + kBody).error().message.find("cut off"), std::string::npos);
  EXPECT_NE(parse_facts("This account is not available.\n").error().message.find("did not answer"),
            std::string::npos);
  EXPECT_FALSE(parse_facts(""));
}

TEST(Ipv4, TakesDottedDecimalOnly) {
  EXPECT_EQ(parse_ipv4("203.0.113.255")->value, 0xcb0071ffU);
  EXPECT_EQ(parse_ipv4("0.0.0.0")->text(), "0.0.0.0");
  for (const auto* text :
       {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.04", "1.2.3.-4", " 1.2.3.4", "1..3.4", "a.b.c.d"}) {
    EXPECT_FALSE(parse_ipv4(text)) << text;
  }
}

TEST(MpiVersion, IsToldFromWhateverMpirunSays) {
  const std::pair<const char*, const char*> known[] = {
      {"mpirun (Open MPI) 4.1.4\n\nReport bugs to ...\n", "Open MPI 4.1.4"},
      {"mpirun.openmpi (Open MPI) 5.0.7\n", "Open MPI 5.0.7"},
      {"mpirun.openmpi (OpenRTE) 4.1.4\n", "Open MPI 4.1.4"},
      {"mpiexec (OpenRTE) 4.0.3", "Open MPI 4.0.3"},
      {"mpirun (Open MPI) 5.0.0rc12\n", "Open MPI 5.0.0rc12"},
      {"warning: something\nmpirun (Open MPI) 4.1.4\n", "Open MPI 4.1.4"},
      {"HYDRA build details:\n    Version:                                 4.2.1\n    Release Date: ...\n",
       "MPICH 4.2.1"},
      {"Intel(R) MPI Library for Linux* OS, Version 2021.10 Build 20230619 (id: c2e19c2f3e)\n",
       "Intel MPI 2021.10"},
      {"Intel(R) MPI Library for Linux* OS, Version 2019 Update 8 Build 20200624\n", "Intel MPI 2019"},
  };
  for (const auto& [said, name] : known) {
    const auto version = parse_mpi_version(said);
    ASSERT_TRUE(version) << said;
    EXPECT_EQ(version->name(), name);
  }
  EXPECT_EQ(parse_mpi_version("mpirun (Open MPI) 5.0.7\n")->major, 5);
  for (const auto* said :
       {"", "bash: mpirun: command not found", "    Version: 4.2.1", "mpirun (Open MPI) newest",
        "mpirun (Open MPI) 99999999999.1", "Intel(R) MPI Library"}) {
    EXPECT_FALSE(parse_mpi_version(said)) << said;
  }
}

}  // namespace
}  // namespace ec2mpi
