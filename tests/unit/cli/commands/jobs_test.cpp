// jobs, rm and cancel: which jobs a word means. The master's programs run here, in a home of their own.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <cstdlib>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "tests/support/laptop.hpp"
#include "tests/support/program_text.hpp"

namespace ec2mpi::cli {
namespace {

namespace fs = std::filesystem;
using ::ec2mpi::test::FakeNode;
using ::ec2mpi::test::Laptop;

/// A master with ended jobs, whose shell is this machine's.
class JobsOnMaster : public testing::Test {
 protected:
  JobsOnMaster() {
    laptop.nodes[1] = {.program = [this](const std::string& command) {
      const auto program = test::program_in(command);
      const auto begin = program.find("jobs=$HOME");
      write("text", program.substr(begin, program.rfind("\n}") + 1 - begin));
      const auto line = fmt::format("cd '{0}' && HOME='{0}' sh text >out 2>err", home_.path().string());
      const int status = std::system(line.c_str());  // NOLINT(cert-env33-c)
      FakeNode node{.out = text("out"), .err = text("err")};
      node.status.code = WEXITSTATUS(status);
      return node;
    }};
  }

  void add(const std::string& id) const {
    fs::create_directories(jobs() / id);
    write(".ec2mpi/jobs/" + id + "/meta", "np 1\n");
    write(".ec2mpi/jobs/" + id + "/exit", "0\n");
  }
  [[nodiscard]] bool has(const std::string& id) const { return fs::exists(jobs() / id); }

  Laptop laptop;

 private:
  [[nodiscard]] fs::path jobs() const { return home_.path() / ".ec2mpi" / "jobs"; }
  void write(const std::string& name, const std::string& text) const {
    EXPECT_TRUE(write_file_atomically(home_.path() / name, text, 0644));
  }
  [[nodiscard]] std::string text(const char* name) const {
    return read_file(home_.path() / name).value_or("");
  }

  test::ScratchFolder home_;
};

TEST_F(JobsOnMaster, RmTakesAnIdANameOrAnIdUpToItsDateButNoShorterBeginning) {
  for (const auto* id :
       {"passwd-20260131-120000-abcd", "alpha-20260131-120000-abcd", "beta-20260131-120000-abcd", "gamma-n1"})
    add(id);
  const auto done = laptop.run_cli({"rm", "p"});
  EXPECT_EQ(done.code, 2);
  EXPECT_NE(done.err.find("there is no job p; a shortened id needs its date here, as in passwd-20260131"),
            std::string::npos)
      << done.err;
  EXPECT_EQ(laptop.run_cli({"rm", "gamma"}).code, 2);
  EXPECT_TRUE(has("passwd-20260131-120000-abcd") && has("gamma-n1"));
  EXPECT_EQ(laptop.run_cli({"rm", "passwd-20260131", "alpha", "beta-20260131-120000-abcd", "gamma-n1"}).code,
            0);
  EXPECT_FALSE(has("passwd-20260131-120000-abcd") || has("alpha-20260131-120000-abcd") ||
               has("beta-20260131-120000-abcd") || has("gamma-n1"));
}

TEST_F(JobsOnMaster, RmRemovesNothingIfOneWordNamesNoJob) {
  add("alpha-20260131-120000-abcd");
  const auto done = laptop.run_cli({"rm", "alpha", "nosuch", "other"});
  EXPECT_EQ(done.code, 2);
  for (const auto* word : {"nosuch", "other"})
    EXPECT_NE(done.err.find(fmt::format("there is no job {}; ec2mpi jobs", word)), std::string::npos);
  EXPECT_TRUE(has("alpha-20260131-120000-abcd"));
}

TEST_F(JobsOnMaster, ReasonsOfRmStandOnStandardErrorBesideItsDocument) {
  add("alpha-20260131-120000-abcd");
  const auto done = laptop.run_cli({"rm", "--json", "nosuch"});
  EXPECT_EQ(done.code, 2);
  EXPECT_EQ(done.err, "ec2mpi: on the master: there is no job nosuch; ec2mpi jobs lists them\n");
  EXPECT_NE(done.out.find("there is no job nosuch"), std::string::npos);
}

TEST_F(JobsOnMaster, OfManyThatAWordMayMeanTheNewestFiveAreNamed) {
  for (int i = 1; i <= 7; ++i) add(fmt::format("segv-20260131-12000{}-abcd", i));
  const auto said = laptop.run_cli({"rm", "segv-2026013"}).err + laptop.run_cli({"rm", "segv-20260131"}).err;
  EXPECT_NE(said.find("a shortened id needs its date here"), std::string::npos) << said;
  EXPECT_NE(said.find("segv-20260131 may be any of segv-"), std::string::npos) << said;
  EXPECT_NE(said.find(" and 2 more\n"), std::string::npos) << said;
}

TEST_F(JobsOnMaster, RunningJobsAreMissedInTheirOwnWords) {
  EXPECT_EQ(laptop.run_cli({"jobs", "--running"}).err, "ec2mpi: no jobs on the master yet\n");
  add("alpha-20260131-120000-abcd");
  EXPECT_EQ(laptop.run_cli({"jobs", "--running"}).err, "ec2mpi: no job waits or runs\n");
  EXPECT_EQ(laptop.run_cli({"jobs", "--running", "--name", "b"}).err, "ec2mpi: no such job on the master\n");
}

TEST_F(JobsOnMaster, CancelTakesNoShortBeginning) {
  add("passwd-20260131-120000-abcd");
  const auto done = laptop.run_cli({"cancel", "p"});
  EXPECT_EQ(done.code, 2);
  EXPECT_NE(done.err.find("a shortened id needs its date"), std::string::npos) << done.err;
}

TEST(JobWords, AnEmptyWordIsRefusedByEachCommandForItCouldMeanTheNewest) {
  Laptop laptop;
  for (const auto& words : std::initializer_list<std::vector<std::string>>{{"cancel", ""},
                                                                           {"signal", "", "USR1"},
                                                                           {"rm", ""},
                                                                           {"attach", ""},
                                                                           {"wait", "a", ""},
                                                                           {"logs", ""},
                                                                           {"stacks", ""},
                                                                           {"report", ""},
                                                                           {"profile", ""},
                                                                           {"run", ""},
                                                                           {"rm", "a", ""}})
    EXPECT_NE(laptop.refused(words).find("ec2mpi: the job's name is an empty word"), std::string::npos)
        << words[0];
  for (const auto& words : std::initializer_list<std::vector<std::string>>{
           {"login", ""}, {"ips", ""}, {"push", "", "x"}, {"push", "x", ""}, {"doctor", ""}})
    EXPECT_NE(laptop.refused(words).find("is an empty word"), std::string::npos) << words[0];
  EXPECT_EQ(laptop.run_cli({"exec-all", "echo", ""}).code, 0);
}

}  // namespace
}  // namespace ec2mpi::cli
