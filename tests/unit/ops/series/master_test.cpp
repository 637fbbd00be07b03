/// report.sh as a real shell runs it, in its own home.
#include "src/ops/series/master.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/ops/job/shell.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

namespace fs = std::filesystem;

class SeriesReport : public testing::TestWithParam<const char*> {
 protected:
  SeriesReport() { fs::create_directories(jobs()); }

  [[nodiscard]] fs::path jobs() const { return home_.path() / ".ec2mpi" / "jobs"; }
  static void write(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }

  void add(const std::string& id, const std::string& series) {
    fs::create_directory(jobs() / id);
    write(jobs() / id / "queue", "100 1 " + series + " 0 1 0 slots 0\n");
    write(jobs() / id / "meta", "set a=1\ndeterminant program 12\nper_node 2\n");
    write(jobs() / id / "out", "loss=0.5\n");
    write(jobs() / id / "exit", "0\n");
  }

  [[nodiscard]] std::string report(const ReportRequest& request) const {
    write(home_ / "text", job_functions() + report_text(request));
    const auto line = "HOME='" + home_.path().string() + "' " + GetParam() + " '" +
                      (home_ / "text").string() + "' >'" + (home_ / "said").string() + "'";
    EXPECT_EQ(std::system(line.c_str()), 0);  // NOLINT(cert-env33-c)
    const auto said = read_file(home_ / "said").value_or("");
    return said.substr(said.find('\n') + 1);  // behind the time
  }

  test::ScratchFolder home_;
};

TEST_P(SeriesReport, GivesSoManyJobsBehindAnIdWhetherThatIsThereOrNot) {
  for (const auto* id : {"s-10", "s-2", "s-9", "s_1"}) add(id, "s");
  add("s-3", "other");
  const auto job = [](const std::string& id) { return "job " + id + "\nseries s\nstate ended 0\n"; };
  const std::string end = "ec2mpi-report end\n";
  EXPECT_EQ(report({.series = "s", .count = 2}), job("s-10") + job("s-2") + end);
  EXPECT_EQ(report({.series = "s", .after = "s-2", .count = 2}), job("s-9") + job("s_1") + end);
  EXPECT_EQ(report({.series = "s", .after = "s-4", .count = 9}), job("s-9") + job("s_1") + end);
  EXPECT_EQ(report({.series = "s", .after = "s_1", .count = 9}), end);
}

TEST_P(SeriesReport, SaysWhatAJobWasMadeOfWhenAllRunsAreAskedForOnly) {
  add("s-1", "s");
  add("s-2", "s-run2");
  const std::string made_of = "set a=1\ndeterminant program 12\nper_node 2\n";
  EXPECT_EQ(report({.series = "s", .all_runs = true, .count = 9}),
            "job s-1\nseries s\nstate ended 0\n" + made_of + "job s-2\nseries s-run2\nstate ended 0\n" +
                made_of + "ec2mpi-report end\n");
  EXPECT_EQ(report({.series = "s", .outputs = true, .count = 9}),
            "job s-1\nseries s\nstate ended 0\n| loss=0.5\n| \nec2mpi-report end\n");
}

INSTANTIATE_TEST_SUITE_P(Shells, SeriesReport, testing::Values("dash", "bash", "busybox sh"),
                         [](const auto& each) {
                           return each.index == 2 ? "busybox" : std::string(each.param);
                         });

}  // namespace
}  // namespace ec2mpi::ops
