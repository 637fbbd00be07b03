// `ec2mpi init`. mpi_script_test.cpp has how it reads scripts.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/config.hpp"
#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::Laptop;
using Words = std::vector<std::string>;

TEST(Init, SaysTheFlagsAndWhatItLeftOut) {
  Laptop laptop;
  laptop.write("run_a.sh", "for n in 3 6; do mpirun -H x -np $n --bind-to core ./a $n; done\n");
  laptop.write("run_binary.sh", std::string("\x7f"
                                            "ELF\0",
                                            5));
  const auto done = laptop.run_cli({"init"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_NE(done.out.find(
                "run_a.sh: ec2mpi run a --mca hwloc_base_binding_policy core; n = 3, 6; left out: -H x\n"),
            std::string::npos)
      << done.out;
  EXPECT_EQ(done.out.find("binary"), std::string::npos) << done.out;
  const auto config = parse_config(laptop.read("ec2mpi.toml"), "ec2mpi.toml");
  ASSERT_TRUE(config) << config.error().message << laptop.read("ec2mpi.toml");
  const auto& job = config->jobs.at("a");
  ASSERT_EQ(job.sweep.size(), 1U);
  EXPECT_EQ(job.sweep.front().values, (Words{"3", "6"}));
  const auto filled = job.filled({{"n", "6"}});
  ASSERT_TRUE(filled) << filled.error().message;
  EXPECT_EQ(filled->ranks.np, 6);
  EXPECT_EQ(filled->command, (Words{"./a", "6"}));
}

TEST(Init, ScriptsWhoseNumbersAreEqualBecomeNoSweep) {
  Laptop laptop;
  for (const char* name : {"run_x3.sh", "run_x4.sh", "run_x_3.sh", "run_x_4.sh"})
    laptop.write(name, "mpirun -n 4 python3 spread.py\n");
  const auto done = laptop.run_cli({"init"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_NE(done.out.find("run_x_3.sh: ec2mpi run x_3\n"), std::string::npos) << done.out;
}

TEST(Init, TurnsScriptsIntoJobsThatTheSettingsReaderTakes) {
  Laptop laptop;
  laptop.write("run_spread.sh", "mpirun -n 4 python3 spread.py --text 'a \"b\" \\ c'\n");
  laptop.write("run_odd name.sh", "if true; then mpirun a; fi\n");
  const auto done = laptop.run_cli({"init"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_NE(done.out.find("run_spread.sh: ec2mpi run spread\n"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("run_odd name.sh stays a script"), std::string::npos) << done.out;
  const auto config = parse_config(laptop.read("ec2mpi.toml"), "ec2mpi.toml");
  ASSERT_TRUE(config) << config.error().message << laptop.read("ec2mpi.toml");
  ASSERT_EQ(config->jobs.size(), 1U);
  const auto filled = config->jobs.at("spread").filled({});
  ASSERT_TRUE(filled) << filled.error().message;
  EXPECT_EQ(filled->command, (Words{"python3", "spread.py", "--text", "a \"b\" \\ c"}));
  EXPECT_EQ(filled->ranks.np, 4);
}

TEST(Init, TurnsScriptsThatDifferInOneNumberIntoASweep) {
  Laptop laptop;
  for (const char* agents : {"3", "6", "12"})
    laptop.write(std::string("run_darl_") + agents + ".sh",
                 std::string("mpirun -np ") + std::to_string(std::stoi(agents) + 2) +
                     " python3 train.py --agents=" + agents + " --seed 3\n");
  const auto done = laptop.run_cli({"init"});
  EXPECT_NE(done.out.find("run_darl_*.sh: ec2mpi run darl runs 3 jobs; n = 3, 6, 12"), std::string::npos)
      << done.out;
  const auto config = parse_config(laptop.read("ec2mpi.toml"), "ec2mpi.toml");
  ASSERT_TRUE(config) << config.error().message << laptop.read("ec2mpi.toml");
  ASSERT_EQ(config->jobs.size(), 1U);
  const auto& job = config->jobs.at("darl");
  ASSERT_EQ(job.sweep.size(), 1U);
  EXPECT_EQ(job.sweep.front().values, (Words{"3", "6", "12"}));
  EXPECT_EQ(job.command, (Words{"python3", "train.py", "--agents={n}", "--seed", "3"}));
  EXPECT_EQ(job.formulas.np, "{n}+2");
  const auto filled = job.filled({{"n", "6"}});
  ASSERT_TRUE(filled) << filled.error().message;
  EXPECT_EQ(filled->ranks.np, 8);
}

/// The [jobs] that init makes of scripts `run_NAME.sh`, and what it says.
struct Made {
  std::map<std::string, JobSpec> jobs;
  std::string said;
};

Made init_with(const std::vector<std::pair<std::string, std::string>>& scripts) {
  Laptop laptop;
  for (const auto& [name, text] : scripts) laptop.write("run_" + name + ".sh", text);
  Made made;
  made.said = laptop.run_cli({"init"}).out;
  const auto config = parse_config(laptop.read("ec2mpi.toml"), "ec2mpi.toml");
  EXPECT_TRUE(config) << config.error().message << laptop.read("ec2mpi.toml");
  if (config) made.jobs = config->jobs;
  return made;
}

/// "agents=3,6 seed=1,2"
std::string sweep_of(const JobSpec& job) {
  std::string text;
  for (const auto& [name, values] : job.sweep)
    text += (text.empty() ? "" : " ") + name + "=" + join(values, ",");
  return text;
}

TEST(Init, FindsTheNumberOfScriptsAnywhereInTheirNames) {
  const std::string line = "mpirun -np 2 ./a --agents ";
  for (const auto& [before, behind, job, sweep] :
       std::initializer_list<std::array<const char*, 4>>{{"", "agents", "agents", "agents=3,6"},
                                                         {"spread_", "agents", "spread", "agents=3,6"},
                                                         {"", "_spread", "spread", "n=3,6"},
                                                         {"darl1n_seed", "_x", "darl1n_x", "seed=3,6"},
                                                         {"np_", "np", "np", "n=3,6"}}) {
    const auto made = init_with({{std::string(before) + "3" + behind, line + "3\n"},
                                 {std::string(before) + "6" + behind, line + "6\n"}});
    ASSERT_EQ(made.jobs.size(), 1U) << made.said;
    EXPECT_EQ(made.jobs.begin()->first, job);
    EXPECT_EQ(sweep_of(made.jobs.begin()->second), sweep);
    EXPECT_NE(made.said.find("run_" + std::string(before) + "*" + behind + ".sh: ec2mpi run"),
              std::string::npos)
        << made.said;
  }
}

TEST(Init, SeveralNumbersOfNamesAreSeveralParametersIfAllCombinationsAreThere) {
  std::vector<std::pair<std::string, std::string>> scripts;
  for (const std::string agents : {"3", "6"})
    for (const std::string seed : {"1", "2"})
      scripts.emplace_back("t_" + agents + "agents_s" + seed,
                           "mpirun -np " + agents + " ./a out/" + agents + "_" + seed + ".json\n");
  auto made = init_with(scripts);
  ASSERT_EQ(made.jobs.size(), 1U) << made.said;
  const auto& job = made.jobs.at("t");
  EXPECT_EQ(sweep_of(job), "agents=3,6 s=1,2");
  EXPECT_EQ(job.command, (Words{"./a", "out/{agents}_{s}.json"}));
  EXPECT_EQ(job.formulas.np, "{agents}");
  EXPECT_NE(made.said.find("runs 4 jobs; agents = 3, 6; s = 1, 2"), std::string::npos) << made.said;
  // One is missing: a sweep of the seeds that are there.
  scripts.pop_back();
  made = init_with(scripts);
  EXPECT_EQ(made.jobs.size(), 2U) << made.said;
  EXPECT_EQ(sweep_of(made.jobs.at("t_3agents")), "s=1,2");
  EXPECT_EQ(made.jobs.at("t_6agents_s1").command, (Words{"./a", "out/6_1.json"}));
}

TEST(Init, NamesScriptsThatLookLikeASweepAndAreNone) {
  const auto made = init_with({{"x_3", "mpirun -np 2 ./a 3\n"}, {"x_6", "mpirun -np 2 ./b 6\n"}});
  EXPECT_EQ(made.jobs.size(), 2U);
  EXPECT_NE(made.said.find("run_x_*.sh are no sweep: they differ in more than these numbers\n"),
            std::string::npos)
      << made.said;
}

TEST(Init, WritesNothingThatTheSettingsReaderRefuses) {
  Laptop laptop;
  laptop.write("run_env.sh", "export N=4\nexport N=5\nmpirun -np 4 -x N ./a \"\\d+\"\n");
  for (const char* name : {"run_s.sh", "run_s_3.sh", "run_s_6.sh", "run_t_1.sh", "run_t-1.sh"})
    laptop.write(name, "mpirun -np 2 ./s\n");
  EXPECT_EQ(laptop.run_cli({"init"}).code, 0);
  const auto config = parse_config(laptop.read("ec2mpi.toml"), "ec2mpi.toml");
  ASSERT_TRUE(config) << config.error().message << laptop.read("ec2mpi.toml");
  EXPECT_EQ(config->jobs.size(), 6U);
  EXPECT_EQ(config->jobs.at("env").command, (Words{"./a", "\\d+"}));
}

TEST(Init, NeverChangesSettingsThatAreThere) {
  Laptop laptop;
  laptop.write("ec2mpi.toml", "# mine\n");
  EXPECT_NE(laptop.refused({"init"}).find("ec2mpi.toml is here already"), std::string::npos);
  EXPECT_EQ(laptop.read("ec2mpi.toml"), "# mine\n");
}

TEST(Init, NamesEachKeyIfThereAreSeveral) {
  Laptop laptop;
  laptop.write("other.pem", "x", 0600);
  const auto done = laptop.run_cli({"init"});
  EXPECT_EQ(done.code, 0);
  EXPECT_NE(done.out.find("2 keys are here: choose one in ec2mpi.toml, as identity\n"), std::string::npos);
  const auto text = laptop.read("ec2mpi.toml");
  EXPECT_NE(text.find("# identity = \"key.pem\""), std::string::npos) << text;
  EXPECT_NE(text.find("# identity = \"other.pem\""), std::string::npos) << text;
}

TEST(Init, OddScriptsHoldNothingUpAndAreNamed) {
  Laptop laptop;
  ASSERT_EQ(::mkfifo((laptop.folder() / "run_pipe.sh").c_str(), 0600), 0);
  laptop.write("run_a\nb.sh", "mpirun ./a\n");
  laptop.write("run_two words.sh", "mpirun -np 2 ./a\n");
  std::filesystem::create_directory(laptop.folder() / "run_folder.sh");
  laptop.write("run_.sh", "mpirun ./a\n");
  laptop.write("run_gbk.sh", "mpirun -np 2 ./\xc4\xe3\n");
  const auto done = laptop.run_cli({"init"});
  EXPECT_EQ(done.code, 0) << done.err;
  for (const char* says :
       {"run_a\\x0ab.sh is left out: its name has characters that are not shown\n",
        "run_two words.sh: ec2mpi run 'two words'\n", "run_pipe.sh is left out: run_pipe.sh is no file",
        "run_folder.sh is left out: run_folder.sh is no file, but a folder; move it away\n",
        "run_.sh is left out: no name stands behind run_\n",
        "run_gbk.sh stays a script, which ec2mpi run gbk starts: it is not written in UTF-8\n"})
    EXPECT_NE(done.out.find(says), std::string::npos) << done.out;
  EXPECT_TRUE(parse_config(laptop.read("ec2mpi.toml"), "ec2mpi.toml"));
}

}  // namespace
}  // namespace ec2mpi::cli
