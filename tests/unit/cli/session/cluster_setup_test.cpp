// The checks before the first packet: list, selection, keys, settings. A fault ends with exit code 2 and
// one line.

#include "ec2mpi/cli/session/cluster_setup.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::Laptop;
namespace fs = std::filesystem;

const std::vector<std::string> kExec = {"exec-all", "true"};
const std::string kLine = "–\ti-0123456789abcdef0\tc5n.large\t203.0.113.11\t2021/06/01 10:00 GMT-7\n";
/// How an OpenSSH key begins; the rest of it is missing.
const std::string kCutKey =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n";

void expect_in(const std::string& part, const std::string& text) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
}

/// What every command that reads the list says of this one.
std::string refused_list(Laptop& laptop, const std::string& content) {
  laptop.write(Laptop::kList, content);
  const auto said = laptop.refused(kExec);
  EXPECT_EQ(laptop.refused({"ips"}), said);
  EXPECT_EQ(laptop.refused({"nodes"}), said);
  return said;
}

TEST(Preparation, AGoodListAndKeyGetAsFarAsTheNetwork) {
  Laptop laptop;
  laptop.nodes[1] = {.door = test::FakeNode::Door::refuses};
  const auto done = laptop.run_cli(kExec);
  EXPECT_EQ(done.code, 1);
  expect_in("node1: connection refused", done.err);
  EXPECT_EQ(laptop.seen.connected, std::vector<int>{1});
}

// --- the list

TEST(List, NoneAtAll) {
  Laptop laptop;
  fs::remove(laptop.folder() / Laptop::kList);
  expect_in("amazon_instances_info", laptop.refused(kExec));
}

TEST(List, NamedButMissing) {
  Laptop laptop;
  const auto said = laptop.refused({"exec-all", "--list", "other_list", "true"});
  expect_in("other_list", said);
  expect_in("No such file", said);
}

TEST(List, AFolderInItsPlace) {
  Laptop laptop;
  fs::remove(laptop.folder() / Laptop::kList);
  fs::create_directory(laptop.folder() / Laptop::kList);
  expect_in(Laptop::kList, laptop.refused(kExec));
}

TEST(List, EmptyOrBinaryOrAPage) {
  Laptop laptop;
  expect_in(Laptop::kList, refused_list(laptop, ""));
  expect_in(Laptop::kList, refused_list(laptop, "\n\n  \n"));
  std::string bytes;
  for (int i = 0; i < 2560; ++i) bytes += static_cast<char>(i);
  expect_in(Laptop::kList, refused_list(laptop, bytes));
  expect_in("amazon_instances_info:",
            refused_list(laptop, "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n"));
}

TEST(List, ALineWithABadAddressIsNamed) {
  Laptop laptop;
  auto bad = kLine;
  bad.replace(bad.find("113.11"), 6, "113.300");
  expect_in("ec2mpi: amazon_instances_info:1: ", refused_list(laptop, bad));
  expect_in("amazon_instances_info:2", refused_list(laptop, "203.0.113.11\n203.0.113.300\n203.0.113.12\n"));
}

TEST(List, EscapesOfATerminalDoNotReachTheTerminal) {
  Laptop laptop;
  EXPECT_EQ(refused_list(laptop, "\x1b[2J203.0.113.11\n").find('\x1b'), std::string::npos);
}

TEST(List, AFlagIsStrongerThanTheEnvironmentAndThatThanTheSettings) {
  Laptop laptop;
  laptop.write("flag", "203.0.113.21\n");
  laptop.write("variable", "203.0.113.22\n");
  laptop.write("setting", "203.0.113.23\n");
  laptop.write("ec2mpi.toml", "list = \"setting\"\n");
  const test::Surroundings variable{.variables = {{"EC2MPI_LIST", "variable"}}};
  EXPECT_EQ(laptop.run_cli({"ips", "--list", "flag"}, variable).out, "203.0.113.21\n");
  EXPECT_EQ(laptop.run_cli({"ips"}, variable).out, "203.0.113.22\n");
  EXPECT_EQ(laptop.run_cli({"ips"}).out, "203.0.113.23\n");
}

// --- the selection

struct Selection {
  std::vector<std::string> flags;
  std::vector<int> nodes;
};

/// Four nodes with names, types and private addresses, and two groups.
void write_table(Laptop& laptop) {
  std::string table = "Name\tInstance ID\tInstance type\tPublic IPv4 address\tPrivate IPv4 address\n";
  const char* types[] = {"c5n.large", "c5.large", "c5n.large", "m5.large"};
  for (int i = 1; i <= 4; ++i)
    table += fmt::format("{}\ti-0a{}bbbbbbbbbbbbbb\t{}\t203.0.113.{}\t10.0.0.{}\n",
                         i == 1 ? "head" : fmt::format("work{}", i - 1), i, types[i - 1], 10 + i, 10 + i);
  laptop.write(Laptop::kList, table);
  laptop.write("ec2mpi.toml", "[groups]\nodd = \"1,3\"\nrest = \"!@odd\"\n");
}

TEST(Selection, EverySelectorConnectsToItsNodesOnly) {
  Laptop laptop(4);
  write_table(laptop);
  for (const auto& [flags, nodes] :
       std::initializer_list<Selection>{{{"-w", "2"}, {2}},
                                        {{"-w", "2-3"}, {2, 3}},
                                        {{"-w", "1,3-4"}, {1, 3, 4}},
                                        {{"-w", "-2"}, {3, 4}},
                                        {{"-w", "!3"}, {1, 2, 4}},
                                        {{"-w", "node3"}, {3}},
                                        {{"-w", "master"}, {1}},
                                        {{"-w", "workers"}, {2, 3, 4}},
                                        {{"-w", "all"}, {1, 2, 3, 4}},
                                        {{"-w", "type=c5n.large"}, {1, 3}},
                                        {{"-w", "type=c5*"}, {1, 2, 3}},
                                        {{"-w", "name=work*"}, {2, 3, 4}},
                                        {{"-w", "work2"}, {3}},
                                        {{"-w", "@odd"}, {1, 3}},
                                        {{"-w", "@rest"}, {2, 4}},
                                        {{"-w", "i-0a3"}, {3}},
                                        {{"-w", "203.0.113.12"}, {2}},
                                        {{"-w", "10.0.0.14"}, {4}},
                                        {{"-x", "3"}, {1, 2, 4}},
                                        {{"-w", "1-3", "-x", "2"}, {1, 3}},
                                        {{"-x", "master", "-w", "all"}, {2, 3, 4}},
                                        {{"-w", "1", "-w", "4"}, {1, 4}},
                                        {{"-w", "2-4,!3"}, {2, 4}},
                                        {{"-x", "@odd", "-x", "2"}, {4}},
                                        {{"-w-1"}, {4}}}) {
    std::vector<std::string> words = {"exec"};
    words.insert(words.end(), flags.begin(), flags.end());
    words.emplace_back("true");
    const auto done = laptop.run_cli(words);
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_EQ(laptop.seen.connected, nodes) << flags.front() << " " << flags.back();
  }
}

TEST(Selection, ASelectorWithoutMeaningIsRefused) {
  Laptop laptop(4);
  write_table(laptop);
  for (const auto& [selector, says] :
       std::initializer_list<std::pair<const char*, const char*>>{{"5", "no node 5"},
                                                                  {"0", "counted from 1"},
                                                                  {"3-2", "backwards"},
                                                                  {"type=x", "selects no node"},
                                                                  {"@none", "no group 'none'"},
                                                                  {"i-0a", "several"},
                                                                  {"-5", "only 4"},
                                                                  {"name=x*", "selects no node"},
                                                                  {"10.9.9.9", "selects no node"},
                                                                  {"", "empty"},
                                                                  {"failed", "earlier command"},
                                                                  {"i-0abc", "selects no node"}})
    expect_in(says, laptop.refused({"exec", "-w", selector, "true"}));
  expect_in("empty", laptop.refused({"exec", "-w", "1", "-x", "master", "true"}));
  Laptop one;
  expect_in("only the master", one.refused({"exec", "-w", "workers", "true"}));
}

TEST(Selection, TheNodesThatFailedLast) {
  Laptop laptop(4);
  laptop.nodes[2] = laptop.nodes[4] = {.status = {3, ""}};
  EXPECT_EQ(laptop.run_cli({"exec-all", "x"}).code, 1);
  laptop.nodes.erase(2);
  EXPECT_EQ(laptop.run_cli({"exec", "-w", "failed", "x"}).code, 1);
  EXPECT_EQ(laptop.seen.connected, (std::vector<int>{2, 4}));
  laptop.nodes.clear();
  EXPECT_EQ(laptop.run_cli({"exec", "-w", "failed", "x"}).code, 0);
  EXPECT_EQ(laptop.seen.connected, std::vector<int>{4});
  expect_in("failed on no node", laptop.refused({"exec", "-w", "failed", "x"}));
}

TEST(JumpHost, ATextThatIsNotOneHostIsRefused) {
  Laptop laptop;
  for (const char* text : {"", "a b c", "host:99999", "192.0.2.1\n192.0.2.2", "me:secret@host"})
    EXPECT_EQ(laptop.refused({"exec-all", "-J", text, "true"}),
              "ec2mpi: --jump: one host to go through: [user@]host[:port]; a job has its name from "
              "[jobs.NAME]; see ec2mpi exec-all --help\n")
        << text;
  EXPECT_EQ(laptop.refused({"exec-all", "-J", "a,b", "true"}),
            "ec2mpi: --jump: one jump host, and no chain of several: [user@]host[:port]; see ec2mpi "
            "exec-all --help\n");
  EXPECT_EQ(laptop.refused({"exec-all", "true"}, {.variables = {{"EC2MPI_JUMP", "me:secret@host"}}}),
            "ec2mpi: EC2MPI_JUMP: one host to go through: [user@]host[:port]; a job has its name from "
            "[jobs.NAME]; it stands for --jump of ec2mpi exec-all\n");
}

TEST(JumpHost, MayHaveAnyAliasOfTheSshConfiguration) {
  Laptop laptop;
  for (const char* alias : {"bastion", "ubuntu@bastion:2222", "my_gate", "running", "t3.micro", "2024"})
    EXPECT_EQ(laptop.run_cli({"exec-all", "-J", alias, "true"}).code, 0) << alias;
}

// --- the key

TEST(Key, NoneAtAllOrMissingOrAFolder) {
  Laptop laptop;
  expect_in("no.pem", laptop.refused({"exec-all", "-i", "no.pem", "true"}));
  expect_in("not a file", laptop.refused({"exec-all", "-i", ".", "true"}));
  fs::remove(laptop.folder() / Laptop::kKey);
  expect_in("-i", laptop.refused(kExec));
}

TEST(Key, OneThatOthersCanReadIsRefusedWithTheCommandToType) {
  Laptop laptop;
  fs::permissions(laptop.folder() / Laptop::kKey, static_cast<fs::perms>(0644));
  const auto said = laptop.refused(kExec);
  expect_in("mode 0644", said);
  EXPECT_TRUE(said.ends_with("chmod 600 ./key.pem\n")) << said;
  fs::rename(laptop.folder() / Laptop::kKey, laptop.folder() / "my key.pem");
  expect_in("chmod 600 './my key.pem'", laptop.refused(kExec));
}

TEST(Key, AFileThatIsNoKey) {
  Laptop laptop;
  for (const auto& content : {std::string(), std::string("not a key\n"), kCutKey}) {
    laptop.write(Laptop::kKey, content, 0600);
    expect_in("not a private key", laptop.refused(kExec));
  }
}

TEST(Key, ANameInCapitalsIsTaken) {
  Laptop laptop;
  fs::rename(laptop.folder() / Laptop::kKey, laptop.folder() / "KEY.PEM");
  EXPECT_EQ(laptop.run_cli(kExec).code, 0);
}

TEST(Key, WhatStandsUnderItsNameAndIsNoneIsNamed) {
  Laptop laptop;
  const auto key = laptop.folder() / Laptop::kKey;
  fs::remove(key);
  fs::create_symlink("../gone.pem", key);
  expect_in("no private key: key.pem is a link to ../gone.pem, which is not there", laptop.refused(kExec));
  fs::remove(key);
  fs::create_directory(key);
  expect_in("no private key: key.pem is a folder", laptop.refused(kExec));
  fs::remove(key);
  ASSERT_EQ(::mkfifo(key.c_str(), 0600), 0);
  expect_in("no private key: key.pem is no regular file", laptop.refused(kExec));
}

TEST(Key, OfTwoBesideTheListNoneIsGuessed) {
  Laptop laptop;
  laptop.write("another.pem", kCutKey, 0600);
  expect_in(
      "there are 2 keys beside the list: name the one of these instances, as in -i ./another.pem or -i "
      "./key.pem",
      laptop.refused(kExec));
}

TEST(Key, NamedByFlagVariableAndSetting) {
  Laptop laptop;
  fs::rename(laptop.folder() / Laptop::kKey, laptop.home() / "mine");
  EXPECT_EQ(laptop.run_cli({"exec-all", "-i", "~/mine", "true"}).code, 0);
  EXPECT_EQ(laptop.run_cli(kExec, {.variables = {{"EC2MPI_IDENTITY", "~/mine"}}}).code, 0);
  laptop.write("ec2mpi.toml", "identity = \"~/mine\"\n");
  EXPECT_EQ(laptop.run_cli(kExec).code, 0);
}

TEST(KnownHosts, ABrokenLineIsNamed) {
  Laptop laptop;
  fs::create_directory(laptop.folder() / ".ec2mpi");
  fs::permissions(laptop.folder() / ".ec2mpi", fs::perms::owner_all);
  laptop.write(".ec2mpi/known_hosts", "# fine\n\nonly-a-name\n", 0600);
  expect_in("known_hosts:3: ", laptop.refused(kExec));
}

// --- ec2mpi.toml

struct Setting {
  const char* text;
  int line;
  const char* says;
};

TEST(Settings, AWrongOneIsNamedWithItsLine) {
  Laptop laptop;
  for (const auto& [text, line, says] :
       std::initializer_list<Setting>{{"user = \n", 1, ""},
                                      {"\nusers = 'me'\n", 2, "users"},
                                      {"port = 'x'\n", 1, "whole number"},
                                      {"port = 70000\n", 1, "65535"},
                                      {"[jobs.a]\nnp = 4\n", 1, "command"},
                                      {"[jobs.a]\ncommand = 'a'\nnp = 0\n", 3, "1 to"},
                                      {"user = 'a'\nuser = 'b'\n", 2, "user"}}) {
    laptop.write("ec2mpi.toml", text);
    const auto said = laptop.refused(kExec);
    EXPECT_TRUE(said.starts_with(fmt::format("ec2mpi: ec2mpi.toml:{}: ", line))) << said;
    expect_in(says, said);
  }
}

TEST(Settings, ALinkThatLeadsNowhereIsNoMissingFile) {
  Laptop laptop;
  fs::create_symlink("gone.toml", laptop.folder() / "ec2mpi.toml");
  expect_in("cannot read ec2mpi.toml: it is a link to gone.toml, which is not there", laptop.refused(kExec));
}

TEST(Settings, ThoseOfTheUserAreCheckedToo) {
  Laptop laptop;
  fs::create_directories(laptop.home() / ".config/ec2mpi");
  laptop.write("../home/.config/ec2mpi/config.toml", "nonsense = 1\n");
  expect_in("config.toml:1: ", laptop.refused(kExec));
}

}  // namespace
}  // namespace ec2mpi::cli
