#include "ec2mpi/ops/job/results.hpp"

#include <gtest/gtest.h>

#include "ec2mpi/base/file.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

JobRecord job(const std::string& id, std::int64_t submitted) {
  JobRecord record;
  record.id = id;
  record.state = JobState::ended;
  record.submitted = submitted;
  record.pull = {"/home/ubuntu/out"};
  return record;
}

std::vector<Node> nodes_to(int last) {
  std::vector<Node> nodes;
  for (int index = 1; index <= last; ++index) nodes.emplace_back().index = index;
  return nodes;
}

std::vector<int> indices(const std::vector<Node>& nodes) {
  std::vector<int> found;
  for (const auto& node : nodes) found.push_back(node.index);
  return found;
}

TEST(Results, AFolderBelongsToOneJobForGood) {
  const test::ScratchFolder scratch;
  const auto results = scratch.path() / "results";
  const auto first = claim_results_folder(results, job("a-1", 100));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->path, results / "a-1");
  EXPECT_FALSE(first->complete);
  const auto again = claim_results_folder(results, job("a-1", 100));  // interrupted: continues there
  ASSERT_TRUE(again);
  EXPECT_EQ(again->path, first->path);
  EXPECT_FALSE(again->complete);
  std::filesystem::create_directories(first->path / "job");
  ASSERT_TRUE(write_file_atomically(first->path / "job" / "times", "submitted 100\nstarted 101\n", 0644));
  EXPECT_FALSE(claim_results_folder(results, job("a-1", 100))->complete);
  ASSERT_TRUE(complete_results_folder(first->path));
  EXPECT_TRUE(claim_results_folder(results, job("a-1", 100))->complete);
  const auto other = claim_results_folder(results, job("a-1", 200));  // of that name, but later
  ASSERT_TRUE(other);
  EXPECT_EQ(other->path, results / "a-1-2");
  EXPECT_FALSE(other->complete);
}

TEST(Results, AreHereOnlyWhenAllHaveBeenBrought) {
  const test::ScratchFolder scratch;
  const auto results = scratch.path() / "results";
  EXPECT_FALSE(results_are_here(results, job("a-1", 100)));
  EXPECT_FALSE(std::filesystem::exists(results)) << "a look makes nothing";
  const auto first = claim_results_folder(results, job("a-1", 100));
  ASSERT_TRUE(first);
  EXPECT_FALSE(results_are_here(results, job("a-1", 100)));
  std::filesystem::create_directories(first->path / "job");
  ASSERT_TRUE(write_file_atomically(first->path / "job" / "times", "submitted 100\n", 0644));
  ASSERT_TRUE(complete_results_folder(first->path));
  EXPECT_TRUE(results_are_here(results, job("a-1", 100)));
  EXPECT_FALSE(results_are_here(results, job("a-1", 200))) << "another job of this name";
  EXPECT_FALSE(results_are_here(results, job("../a-1", 100)));
}

TEST(Results, AFolderThatIsSomebodysIsLeftAlone) {
  const test::ScratchFolder scratch;
  std::filesystem::create_directories(scratch.path() / "a-1");
  EXPECT_EQ(claim_results_folder(scratch.path(), job("a-1", 100))->path, scratch.path() / "a-1-2");
}

TEST(Results, AnIdThatLeadsElsewhereIsRefused) {
  const test::ScratchFolder scratch;
  for (const auto* id : {"", ".", "..", "../x", "a/b", ".hidden", "a\nb"}) {
    const auto claimed = claim_results_folder(scratch.path(), job(id, 1));
    ASSERT_FALSE(claimed) << id;
    EXPECT_EQ(claimed.error().kind, ErrorKind::protocol);
  }
}

TEST(Results, OnlyWhatHasSucceededHasAny) {
  EXPECT_TRUE(has_results(job("a", 1)));
  auto failed = job("a", 1);
  failed.status = 3;
  EXPECT_FALSE(has_results(failed));
  auto cancelled = job("a", 1);
  cancelled.why = "cancelled";
  EXPECT_FALSE(has_results(cancelled));
  auto running = job("a", 1);
  running.state = JobState::running;
  EXPECT_FALSE(has_results(running));
  auto plain = job("a", 1);
  plain.pull.clear();
  EXPECT_FALSE(has_results(plain));
}

TEST(Results, ComeFromTheJobsOwnNodes) {
  auto record = job("a", 1);
  record.nodes = "1-2,4,9";
  EXPECT_EQ(indices(nodes_of_job(record, nodes_to(5))), (std::vector<int>{1, 2, 4}));
  record.nodes = "2-3,1-3,2";
  EXPECT_EQ(indices(nodes_of_job(record, nodes_to(5))), (std::vector<int>{1, 2, 3}));
  record.nodes = "x,2-,-";
  EXPECT_TRUE(nodes_of_job(record, nodes_to(5)).empty());
}

TEST(Results, AnEntryWithParametersGivesWhatFitsAroundThem) {
  ops::JobRecord record;
  const std::vector<std::string> entries = {"out-{a}-{b}.csv"};
  for (const char* good : {"/home/ubuntu/out-1-2.csv", "/h/out--.csv", "/h/out-a/b-c.csv", "/h/out-1-2-3.csv",
                           "/h/out-..-2.csv", "/h/out-..-data-a..csv-2.csv"}) {
    record.pull = {good};
    EXPECT_TRUE(unexpected_paths(record, entries).empty()) << good;
  }
  for (const char* bad : {"/h/out-1.csv", "/h/out-.csv", "/h/out-a/../b-2.csv", "/h/out-/..-2.csv/../b-2.csv",
                          "/h/xout-1-2.csv", "/h/out-1-2.csvx"}) {
    record.pull = {bad};
    EXPECT_FALSE(unexpected_paths(record, entries).empty()) << bad;
  }
}

TEST(Results, OnlyAnEntryItselfLeadsToAFolderAbove) {
  ops::JobRecord record;
  record.pull = {"/h/proj/../out/a..b.csv", "/h/proj/../out/../x.csv", "/h/out/a.csv"};
  EXPECT_EQ(unexpected_paths(record, {"../out/{variant}.csv"}),
            (std::vector<std::string>{"/h/proj/../out/../x.csv", "/h/out/a.csv"}));
}

/// A list of what stays behind would forget the next file with secrets.
TEST(Results, OfTheJobsFolderOnlyWhatExplainsTheResultIsBrought) {
  const auto pull = plan_job_folder(job("a", 1), nodes_to(1).front(), "results/a");
  ASSERT_TRUE(pull);
  const auto& exclude = (*pull)->options.exclude;
  for (const auto* file : {"cmd", "hosts", "out", "err", "exit", "times", "profile", "stacks/node1"})
    EXPECT_FALSE(exclude.excludes(file, false)) << file;
  for (const auto* file :
       {"environment", "run", "hook", "a_file_of_a_later_version", "spare/exit", "out.pipe", "err.new"})
    EXPECT_TRUE(exclude.excludes(file, false)) << file;
}

/// The path is the master's: the time must not grow with a power of its length.
TEST(Results, AHostilePathAgainstManyParametersIsAnsweredAtOnce) {
  ops::JobRecord record;
  record.pull = {"/home/ubuntu/out/" + std::string(60'000, '-'),
                 "/home/ubuntu/out/" + std::string(4'000, '-')};
  EXPECT_EQ(unexpected_paths(record, {"out/{a}-{b}-{c}-{d}-{e}.csv"}).size(), 2U);
}

TEST(Results, APathThatTheMasterNamesAndNoEntryOfPullGivesIsUnexpected) {
  auto taken_over = job("x", 1);
  taken_over.pull = {"/home/ubuntu/out/a.csv",
                     "/etc/passwd",
                     "/home/ubuntu/private.txt",
                     "/mnt/x",
                     "/home/ubuntu/log",
                     "/home/ubuntu/made/n=4/out.txt",
                     "/home/ubuntu/made/../../../etc/out.txt"};
  const std::vector<std::string> entries = {"out/a.csv", "/mnt/x", "~/log", "made/{variant}/out.txt"};
  EXPECT_EQ(unexpected_paths(taken_over, entries),
            (std::vector<std::string>{"/etc/passwd", "/home/ubuntu/private.txt",
                                      "/home/ubuntu/made/../../../etc/out.txt"}));
}

TEST(Results, WithoutEntriesOfPullOnlyHiddenFilesAndThoseOfTheSystemAreUnexpected) {
  auto taken_over = job("x", 1);
  taken_over.pull = {"/home/ubuntu/proj/out",
                     "/etc/passwd",
                     "/home/ubuntu/.ssh/id_rsa",
                     "/mnt/./x",
                     "/home/ubuntu/../../etc/passwd",
                     "relative",
                     "/root/x"};
  EXPECT_EQ(unexpected_paths(taken_over, {}),
            (std::vector<std::string>{"/etc/passwd", "/home/ubuntu/.ssh/id_rsa",
                                      "/home/ubuntu/../../etc/passwd", "relative", "/root/x"}));
}

}  // namespace
}  // namespace ec2mpi::ops
