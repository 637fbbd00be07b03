// `ec2mpi init`, and how it reads scripts.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "ec2mpi/cluster/config.hpp"
#include "src/cli/commands/mpi_script.hpp"
#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::Laptop;
using Words = std::vector<std::string>;

TEST(MpiScript, BecomesAJobWithItsVariablesFilledIn) {
  const auto job = read_mpi_script(
      "#!/bin/ksh\n# spread\nAGENTS=3\nexport SEED=7\nset -e\ncd ~/darl1n\necho starting\n"
      "mpirun --hostfile nodeIPaddress -np 5 --mca btl_tcp_if_include eth0 -x AGENTS \\\n"
      "  python3 'train it.py' --agents=$AGENTS \"--name=a ${SEED}\"  # all\n");
  ASSERT_TRUE(job) << job.error().message;
  EXPECT_EQ(job->command, (Words{"python3", "train it.py", "--agents=3", "--name=a 7"}));
  EXPECT_EQ(job->np, "5");
  EXPECT_EQ(job->workdir, "~/darl1n");
  EXPECT_EQ(job->env, (std::vector<std::pair<std::string, std::string>>{{"SEED", "7"}, {"AGENTS", "3"}}));
  EXPECT_EQ(job->left_out, (Words{"--hostfile nodeIPaddress", "--mca btl_tcp_if_include eth0"}));
}

TEST(MpiScript, ThatNeedsAShellIsRefusedWithItsLine) {
  for (const auto& [script, why] : std::initializer_list<std::pair<const char*, const char*>>{
           {"", "no mpirun"},
           {"echo a\n", "no mpirun"},
           {"for i in 1 2\ndo\n", "line 1: for is neither"},
           {"\nmpirun a | tee log\n", "line 2: '|' is for a shell"},
           {"mpirun a &\n", "'&' is for a shell"},
           {"mpirun a `date`\n", "'`' is for a shell"},
           {"mpirun a \"`date`\"\n", "'`' is for a shell"},
           {"mpirun a $(date)\n", "only a shell knows"},
           {"mpirun a $1\n", "only a shell knows the value of $1"},
           {"mpirun a ${X:-1}\n", "only a shell knows"},
           {"mpirun a *.txt\n", "'*' is for a shell"},
           {"mpirun a ~/b\n", "'~' is for a shell"},
           {"mpirun a 'b\nc'\n", "a quotation goes over several lines"},
           {"mpirun a\nmpirun b\n", "line 2: it starts mpirun twice"},
           {"mpirun --odd a\n", "mpirun's --odd is not known here"},
           {"mpirun -np x a\n", "-np x is not a number of ranks"},
           {"mpirun -np 3\n", "mpirun has no program"},
           {"python3 a.py\n", "python3 is neither mpirun nor cd"},
           {"mpirun -x HOME a\n", "only a shell knows the value of HOME"}}) {
    const auto job = read_mpi_script(script);
    ASSERT_FALSE(job) << script;
    EXPECT_NE(job.error().message.find(why), std::string::npos) << job.error().message;
  }
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
  laptop.write("run_odd name.sh", "for i in 1; do mpirun a; done\n");
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
  EXPECT_NE(done.out.find("run_darl*.sh: ec2mpi run darl runs 3 jobs, n = 3, 6, 12"), std::string::npos)
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

TEST(MpiScript, WhoseNumberOfRanksOnlyMpirunKnowsIsRefused) {
  for (const auto* line :
       {"mpirun -np 1 ./a : -np 2 ./b", "mpirun --host a,b ./x", "mpirun --map-by ppr:2:node ./x"})
    EXPECT_FALSE(read_mpi_script(line)) << line;
  EXPECT_TRUE(read_mpi_script("mpirun --host a,b -np 2 ./x"));
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
  EXPECT_EQ(laptop.run_cli({"init"}).code, 0);
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
  const auto done = laptop.run_cli({"init"});
  EXPECT_EQ(done.code, 0) << done.err;
  for (const char* says :
       {"run_a\\x0ab.sh is left out: its name has characters that are not shown\n",
        "run_two words.sh: ec2mpi run 'two words'\n",
        "run_pipe.sh stays a script, which ec2mpi run pipe starts: ./run_pipe.sh is no file",
        "but a folder; move it away\n"})
    EXPECT_NE(done.out.find(says), std::string::npos) << done.out;
  EXPECT_TRUE(parse_config(laptop.read("ec2mpi.toml"), "ec2mpi.toml"));
}

}  // namespace
}  // namespace ec2mpi::cli
