// The command line as a whole: words that it refuses, and its help.

#include "ec2mpi/cli/app.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::Laptop;

struct Refusal {
  std::vector<std::string> words;
  const char* says;
};

TEST(CommandLine, AWrongWordIsRefusedInOneLine) {
  Laptop laptop;
  for (const auto& [words, says] : std::initializer_list<Refusal>{
           {{"exec-all", "--no-such-flag", "true"}, "no-such-flag"},
           {{"no-such-command"}, "'no-such-command' is not a command; ec2mpi --help lists them"},
           {{"exek", "true"}, "did you mean exec?"},
           {{"nodes", "--jsn"}, "did you mean --json?"},
           {{"--list", "x", "nodes"}, "--list stands behind the command: ec2mpi nodes --list ..."},
           {{"-w", "1", "exec", "true"}, "-w stands behind the command: ec2mpi exec -w ..."},
           {{"-l", "ubuntu", "run", "-np", "1", "--", "a"},
            "-l stands behind the command: ec2mpi run -l ..."},
           {{"-vv", "nosuch"}, "'nosuch' is not a command"},
           {{"run", "--mca", "btl", "-np", "2", "--", "a"}, "as in --mca btl tcp,self; not '--np'"},
           {{"rm", "hello", "--older", "30"}, "not both"},
           {{"rm"}, "which job?"},
           {{"signal", "hello", "PIPE"}, "'PIPE' is not a signal that can be sent"},
           {{"signal", "hello", "KILL"}, "ec2mpi cancel ends a job"},
           {{"signal", "sigkill"}, "ec2mpi cancel ends a job"},
           {{"signal", "9"}, "ec2mpi cancel ends a job"},
           {{"kill"}, "kill needs --orphans"},
           {{"run"}, "nothing to run"},
           {{"run", "--", "FOO=a b", "python3", "x.py"}, "ec2mpi run -x 'FOO=a b' -- python3 ..."},
           {{"run", "a/b"}, "a program stands behind --"},
           {{"run", "--", "mpirun", "-np", "2", "a"}, "run starts mpirun itself: leave mpirun out"},
           {{"run", "/opt/mpi/bin/mpiexec", "a"}, "leave mpiexec out"},
           {{"run", "--", "python3 a.py"}, "'python3 a.py' is one word"},
           {{"run", "--", "a.py"}, "a Python program needs python3"},
           {{"run", "--", "", "a"}, "the program is an empty word"},
           {{"run", "--", "  "}, "the program is an empty word"},
           {{"run", "--", "-np", "2", "a"}, "'-np' stands where the program is expected"},
           {{"exec", "\u2014w", "1", "true"}, "'\u2014w' does not begin with the minus sign; type -w"},
           {{"exec-all", "\u2013u", "5", "true"}, "type -u"},
           {{"nodes", "\u2014json"}, "type --json"},
           {{"run", "\uff0dnp", "2"}, "does not begin with the minus sign"},
           {{"exec-all", "-1", "true"}, "-1: neither an option nor a command"},
           {{"exec-all", ""}, "a command is required"},
           {{"exec-all", " ", ""}, "a command is required"},
           {{"exec-all", "--outdir", "", "true"},
            "the value of --outdir is an empty word; is a variable not set?"},
           {{"run", "-w", "1", "-w", "", "--", "a"}, "the value of --nodes is an empty word"},
           {{"report", "-o", ""}, "the value of --output is an empty word"},
           {{"exec-all", "-S", "true"}, "its exit code tells"},
           {{"exec", "-a", "true"}, "instead: ec2mpi exec-all COMMAND"},
           {{"exec-all", "-p", "0", "true"}, "--port: a number from 1 to 65535, not '0'"},
           {{"\u8fd0\u884c"}, "did you mean ec2mpi run?"},
           {{"run", "--mpirun", "mpirun", "--", "a"}, "--mpirun takes a full path, not 'mpirun'"},
           {{"run", "-x", "A-B=1", "--", "a"}, "-x A-B=1: not a variable's name"},
           {{"login", "ubuntu@node1"}, "for another user: ec2mpi login -l ubuntu node1"},
           {{"exec-all", "-J", "a,b", "true"}, "--jump: one jump host, and no chain of several"},
           {{"login", "1", "top"}, "a command stands behind --: ec2mpi login NODE -- top"},
           {{"net"}, "a network takes two nodes; this is one"},
           {{"nodes", "extra"}, "'extra' is a word too many"},
           {{"push", "only-one"}, "where to?"},
           {{"pull", "--follow", "-n", "a", "b"}, "--follow and --dry-run do not go together"},
           {{"--bogus"}, "--bogus"},
           {{"help", "nosuch"}, "'nosuch' is not a command; ec2mpi --help lists them"},
           {{"help", "no-key", "nonsense"}, "'nonsense' is not a command; ec2mpi --help lists them"},
           {{"help", "login-refuse"}, "did you mean ec2mpi help login-refused?"},
           {{"\u2014help"}, "does not begin with the minus sign; type --help"},
           {{"\uff0d\uff0dhelp"}, "type --help"},
           {{"run", "-np", "4", "\u2014\u2014", "python3", "a.py"},
            "'\u2014\u2014' is not two minus signs; type --"},
           {{"run", "--", "hostname; date"}, "ec2mpi run -- sh -c 'hostname; date'"},
           {{"stat"}, "did you mean ec2mpi status?"},
           {{"hlep"}, "did you mean help?"},
           {{"push", "--dest", "/tmp", "a"}, "instead: ec2mpi push SRC... DST"},
           {{"-w", "1", "uname"}, "-w stands behind the command: ec2mpi exec -w ..."},
           {{"-a", "uname"}, "ec2mpi has no option -a; instead: ec2mpi exec-all COMMAND"},
           {{"-np", "4", "python3", "a.py"}, "-n stands behind the command: ec2mpi run -n ..."},
           {{"exec", "-w=-1", "true"}, "-w has its value behind a blank: -w -1"},
           {{"run", "-np", "\uff14", "--", "a"}, "not '\uff14'; '\uff14' only looks like '4'"},
           {{"exec", "-w", "1", "\u2014\u2014", "uname"}, "'\u2014\u2014' is not two minus signs; type --"},
           {{"exec-all", "\u201cuname", "-n\u201d"}, "'\u201c' is no quote for the shell; type \""},
           {{"run", "--", "\u2018uname\u2019"}, "'\u2018' is no quote for the shell; type '"},
           {{"exec-all", "sudo reboot -f", "-n"},
            "would be its own: ec2mpi exec-all -n ... 'sudo reboot -f'"},
           {{"exec", "-w", "1", "sleep 5", "-u", "9"}, "-u stands behind the command"},
           {{"exec-all", "sleep 5", "--timeout=9"}, "--timeout stands behind the command"},
           {{"hello.py"}, "did you mean ec2mpi run -- python3 hello.py?"},
           {{"python3", "hello.py"}, "did you mean ec2mpi run -- python3?"},
           {{"reboot"}, "did you mean ec2mpi exec-all --sudo reboot?"},
           {{"run", "spread.py"}, "not a job's name: ec2mpi run -- python3 spread.py"},
           {{"run", "pi.py", "10"}, "programs stand behind --: ec2mpi run ... -- python3 pi.py 10"},
           {{"wait", "s*"},
            "'s*': jobs have no patterns; the name of a series stands for all its jobs, as s"},
           {{"cancel", "a", "wave-?"}, "'wave-?': jobs have no patterns"},
           {{"help", "exek"}, "did you mean exec?"},
           {{"help", "sbatch", "x"}, "did you mean ec2mpi run"},
           {{"nosuch", "--help"}, "'nosuch' is not a command"},
           {{"exec", "true"}, "exec takes -w NODES; ec2mpi exec-all runs it on all"},
           {{"login", "-N", "1"}, "ssh -F \"$(ec2mpi nodes --ssh-config)\" -N ... node1"},
           {{"push", "--exclude", "1", "x", "y"}, "nodes: -x 1"},
           {{"pull", "--exclude", "node1", "x", "y"}, "nodes: -x node1"},
           {{"exec-all"}, "a command is required; see ec2mpi exec-all --help"},
           {{"pull"}, "SRC... DST is missing"},
           {{"signal"}, "[ID] SIGNAL is missing"},
           {{"cancel", "--all", "hello"}, "ID... and --all do not go together"},
           {{"nodes", "--address"}, "--address needs KIND"},
           {{"up", "2", "--add", "2"}, "COUNT and --add do not go together"},
           {{"up", "1", "--max-price", "1"}, "--max-price goes with --spot only"},
           {{"--verion"}, "ec2mpi has no option --verion; did you mean --version?"},
           {{"pull", "--max-size", "3X", "a", "b"}, "--max-size: a size such as 500M or 20G, not '3X'"},
           {{"pull", "--max-size", "-1", "a", "b"}, "--max-size: a size such as 500M or 20G, not '-1'"},
           {{"push", "--sudo", "--relay", "always", "a", "b"}, "do not go together"},
           {{"exec-all", "-f", "many", "true"}, "--fanout: a number from 0 to 1000000, not 'many'"},
           {{"exec-all", "-f", "-1", "true"}, "not '-1'"},
           {{"exec-all", "-t", "-1", "true"}, "a time from 0.001 to 100000000 seconds, not '-1'"},
           {{"exec-all", "-t", "0", "true"}, "not '0'"},
           {{"exec-all", "-t", "soon", "true"}, "a time such as 10, 0.5, 500ms, 90s, 10m or 2h, not 'soon'"},
           {{"exec-all", "-t", "nan", "true"}, "not 'nan'"},
           {{"exec", "-a", "true"}, "ec2mpi exec-all"},
           {{"exec", "-g", "big", "true"}, "ec2mpi exec -w @GROUP"},
           {{"push"}, "SRC... DST is missing"},
           {{"signal"}, "[ID] SIGNAL is missing"},
           {{"push", "node1:proj", "."}, "nodes stand behind -w: ec2mpi pull -w node1 proj DST"},
           {{"push", "x", ":proj/"}, "without the colon"},
           {{"push", "x", "node1:proj/"}, "nodes stand behind -w: ec2mpi push -w node1 SRC... proj/"},
           {{"pull", "ubuntu@node1:a b", "."}, "nodes stand behind -w: ec2mpi pull -w node1 'a b' DST"},
           {{"push", "-av", "x", "y"}, "instead: ec2mpi push SRC... DST"},
           {{"run", "-N", "2", "--", "a"}, "instead: ec2mpi run --per-node N"},
           {{"kill", "slow"}, "if it is a job: ec2mpi cancel slow"},
           {{"show"}, "'show' is not a command; ec2mpi --help"},
           {{"sotp"}, "'sotp' is not a command; ec2mpi --help"},  // neither stop nor the next best
           {{"terminate"}, "did you mean ec2mpi down?"},
           {{"exec-all", "-u", "-1", "true"}, "not '-1'"},
           {{"exec-all", "--timeout", "-1", "true"}, "not '-1'"},
           {{"exec-all", "--retries", "-1", "true"}, "not '-1'"},
           {{"exec-all", "-p", "70000", "true"}, "70000"},
           {{"exec-all", "-l", "a b", "true"}, "'a b' is not a user name"},
           {{"exec-all", "--color", "pink", "true"}, "--color: auto, always or never, not 'pink'"},
           {{"nodes", "--address", "postal"}, "--address: auto, public, private or ipv6, not 'postal'"},
           {{"ls"}, "did you mean ec2mpi nodes?"},
           {{"push", "--relay", "often", "x", "y"}, "--relay: auto, always or never, not 'often'"}}) {
    const auto said = laptop.refused(words);
    EXPECT_NE(said.find(says), std::string::npos) << said;
    EXPECT_LT(said.size(), 200U);
  }
}

TEST(CommandLine, TheNumberOfRanksMayStandBehindAnEqualsSignAndOnlyOnce) {
  Laptop laptop;
  EXPECT_NE(laptop.refused({"run", "-np=2", "--slots", "--host", "--", "a"}).find("--host"),
            std::string::npos);
  EXPECT_NE(laptop.refused({"run", "-np=x", "--", "a"}).find("-np"), std::string::npos);
  EXPECT_NE(laptop.refused({"run", "-np", "2", "-np", "3", "--", "a"}).find("is given 2 times"),
            std::string::npos);
}

TEST(CommandLine, AScriptMayBeNamedAsItsFile) {
  Laptop laptop;
  laptop.write("run_spread.sh", "mpirun a\n");
  laptop.write("other.sh", "");
  EXPECT_NE(laptop.refused({"run", "other.sh"}).find("is a program and not a job's name"), std::string::npos);
  for (const char* word : {"run_spread.sh", "./run_spread.sh", "run_spread", "spread.sh", "spread"}) {
    // The job was found: the error is about what it holds.
    const auto said = laptop.refused({"run", "--dry-run", "--set", "n=1", word});
    EXPECT_NE(said.find("n is used nowhere in the job"), std::string::npos) << word << said;
  }
}

TEST(CommandLine, SeveralProgramsAtOnceAreRefused) {
  Laptop laptop;
  EXPECT_NE(laptop.refused({"run", "-np", "2", "--", "./a", ":", "-np", "2", "./b"})
                .find("several programs (MPMD)"),
            std::string::npos);
}

TEST(CommandLine, APythonFileWithoutPythonIsRefused) {
  Laptop laptop;
  laptop.write("train.py", "");
  EXPECT_NE(laptop.refused({"run", "--", "train.py"}).find("ec2mpi run -- python3 train.py"),
            std::string::npos);
}

TEST(CommandLine, AMistypedJobIsComparedWithScriptsToo) {
  Laptop laptop;
  laptop.write("run_spread.sh", "mpirun a\n");
  EXPECT_NE(laptop.refused({"run", "spead"}).find("is spread meant?"), std::string::npos);
}

TEST(CommandLine, AWrongEnvironmentVariableIsNamedWithWhatItMayBe) {
  Laptop laptop;
  for (const auto& [variable, value, says] : std::initializer_list<std::array<const char*, 3>>{
           {"EC2MPI_TIMEOUT", "soon",
            "ec2mpi: EC2MPI_TIMEOUT: a time such as 10, 0.5, 500ms, 90s, 10m or 2h, not 'soon'"},
           {"EC2MPI_PORT", "x",
            "ec2mpi: EC2MPI_PORT: a number from 1 to 65535, not 'x'; it stands for --port"},
           {"EC2MPI_FANOUT", "-1", "ec2mpi: EC2MPI_FANOUT: a number from 0 to"},
           {"EC2MPI_USER", "a b", "ec2mpi: EC2MPI_USER: 'a b' is not a user name"},
           {"EC2MPI_ADDRESS", "postal",
            "ec2mpi: EC2MPI_ADDRESS: auto, public, private or ipv6, not 'postal'"},
           {"EC2MPI_COLOR", "pink", "ec2mpi: EC2MPI_COLOR: auto, always or never, not 'pink'"},
           {"EC2MPI_STRICT_HOST_KEYS", "maybe", "ec2mpi: EC2MPI_STRICT_HOST_KEYS: 1 or 0, not 'maybe'"},
           {"EC2MPI_NODES", "99", "(EC2MPI_NODES is '99')"},
           {"EC2MPI_PERSIST", "soon", "(EC2MPI_PERSIST is 'soon')"},
           {"EC2MPI_LIST", "nosuch", "(EC2MPI_LIST is 'nosuch')"},
           {"EC2MPI_IDENTITY", "nosuch.pem", "(EC2MPI_IDENTITY is 'nosuch.pem')"}}) {
    const auto said = laptop.refused({"exec-all", "true"}, {.variables = {{variable, value}}});
    EXPECT_NE(said.find(says), std::string::npos) << said;
  }
}

TEST(CommandLine, AVariableIsNotBlamedForAWordThatStandsInAMessageByChance) {
  Laptop laptop(2);
  for (const auto& [variable, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"EC2MPI_NODES", "2"}, {"EC2MPI_USER", "np"}, {"EC2MPI_LIST", "amazon_instances_info"}}) {
    const auto said =
        laptop.refused({"run", "--scale", "seed=1,2", "--", "true"}, {.variables = {{variable, value}}});
    EXPECT_EQ(said.find(variable), std::string::npos) << said;
  }
}

TEST(CommandLine, TheTerminalOfSshIsNoTimeForALoginWithoutANode) {
  Laptop laptop(4);
  for (const auto& words : std::initializer_list<std::vector<std::string>>{
           {"login", "-t", "4"}, {"login", "-t", "4", "--", "top"}, {"login", "-T", "-t4"}}) {
    const auto said = laptop.refused(words);
    EXPECT_NE(said.find("-t 4 is a time, and no node is named; a terminal on node4: ec2mpi login --tty 4;"),
              std::string::npos)
        << said;
  }
  for (const auto& words : std::initializer_list<std::vector<std::string>>{
           {"login", "-tt", "4"}, {"login", "-t", "--", "top"}, {"login", "-t", "node4"}}) {
    const auto said = laptop.refused(words);
    EXPECT_NE(said.find("ec2mpi login --tty NODE -- COMMAND"), std::string::npos) << said;
  }
  laptop.nodes[4] = {.out = "four"};
  EXPECT_EQ(laptop.run_cli({"login", "-t", "4", "4", "--", "x"}).out, "four");
  EXPECT_EQ(laptop.run_cli({"login", "--connect-timeout", "4", "--", "x"}).code, 0);
}

TEST(CommandLine, AnEmptyWordIsRefusedInAGroupOfOptionsToo) {
  Laptop laptop;
  EXPECT_NE(laptop.refused({"nodes", "--format", ""}).find("the value of --format is an empty word"),
            std::string::npos);
}

TEST(CommandLine, AFileToWriteIsNotStandardOutput) {
  Laptop laptop;
  for (const auto& words : std::initializer_list<std::vector<std::string>>{
           {"report", "-o", "-"}, {"bugreport", "-o", "-"}, {"net", "--svg", "-"}})
    EXPECT_NE(laptop.refused(words).find("'-' is no file"), std::string::npos) << words[0];
}

TEST(CommandLine, AVariableWhoseFlagTheCommandLacksIsNotRead) {
  Laptop laptop;
  for (const auto& [variable, command] : std::initializer_list<std::pair<const char*, const char*>>{
           {"EC2MPI_FANOUT", "nodes"}, {"EC2MPI_RETRIES", "ips"}, {"EC2MPI_TIMEOUT", "nodes"}}) {
    const auto done = laptop.run_cli({command}, {.variables = {{variable, "x"}}});
    EXPECT_EQ(done.code, 0) << variable << done.err;
    EXPECT_EQ(done.err, "") << variable;
  }
  for (const auto& words : std::initializer_list<std::vector<std::string>>{{"push", "a", "b"}, {"setup"}})
    EXPECT_NE(
        laptop.refused(words, {.variables = {{"EC2MPI_RETRIES", "q"}}})
            .find("ec2mpi: EC2MPI_RETRIES: a number from 0 to 1000000, not 'q'; it stands for --retries"),
        std::string::npos);
  EXPECT_NE(laptop.run_cli({"option-tree"}).out.find("EC2MPI_FANOUT"), std::string::npos);
}

TEST(CommandLine, AVariableThatNoCommandReadsIsTold) {
  Laptop laptop;
  const auto said = [&](const std::map<std::string, std::string>& variables) {
    return laptop.run_cli({"nodes"}, {.variables = variables}).err;
  };
  EXPECT_EQ(said({{"EC2MPI_TIMOUT", "5"}}),
            "ec2mpi: no command reads the variable EC2MPI_TIMOUT; did you mean EC2MPI_TIMEOUT?\n");
  EXPECT_NE(said({{"EC2MPI_PARALLEL_JOBS", "5"}}).find("--help lists those that it reads"),
            std::string::npos);
  EXPECT_EQ(said({{"EC2MPI_TIMOUT", ""}}), "") << "as not set";
  EXPECT_EQ(said({{"EC2MPI_JOB", "a-1"},
                  {"EC2MPI_HOSTFILE", "hosts"},
                  {"EC2MPI_NP", "4"},
                  {"EC2MPI_INDEX", "1"},
                  {"EC2MPI_STATUS", "0"},
                  {"EC2MPI_BINARY", "b"},
                  {"EC2MPI_CLUSTER_DIR", "d"},
                  {"EC2MPI_SANITIZED", "1"},
                  {"EC2MPI_TEST_KEYS", "k"},
                  {"EC2MPI_FANOUT", "3"}}),
            "");
}

TEST(CommandLine, AnSshConfigurationThatIsMissingIsNamedBeforeAnyConnection) {
  Laptop laptop;
  EXPECT_NE(laptop.refused({"exec-all", "true"}, {.variables = {{"EC2MPI_SSH_CONFIG", "/nope"}}})
                .find("--ssh-config-file: cannot read /nope"),
            std::string::npos);
  const auto said = laptop.refused({"jobs"}, {.variables = {{"EC2MPI_SSH_CONFIG", "/nope"}}});
  EXPECT_NE(said.find("(EC2MPI_SSH_CONFIG is '/nope')"), std::string::npos) << said;
  EXPECT_NE(laptop.refused({"jobs", "-F", "nope"}).find("--ssh-config-file"), std::string::npos);
}

TEST(CommandLine, AFlagIsNotBlamedOnItsVariable) {
  Laptop laptop;
  const auto said = laptop.refused({"exec-all", "-p", "y", "true"}, {.variables = {{"EC2MPI_PORT", "22"}}});
  EXPECT_NE(said.find("ec2mpi: --port: a number"), std::string::npos) << said;
}

TEST(CommandLine, TooFewOpenFilesAreNamedWithTheRemedy) {
  Laptop laptop;
  // In a child, because a process cannot raise the limit again.
  const auto child = ::fork();
  if (child == 0) {
    const rlimit few{20, 20};
    ::setrlimit(RLIMIT_NOFILE, &few);
    const auto said = laptop.run_cli({"exec-all", "true"}).err;
    const bool good = said.find("a process may open only 20 files here") != std::string::npos &&
                      said.find("ulimit -n 1024") != std::string::npos;
    if (!good) std::fprintf(stderr, "%s", said.c_str());
    ::_exit(good ? 0 : 1);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(CommandLine, AWordInBracketsIsOneWord) {
  Laptop laptop;
  EXPECT_EQ(laptop.run_cli({"exec-all", "[ -f /etc/passwd ]"}).code, 0);
  EXPECT_NE(laptop.seen.commands[1].find("[ -f /etc/passwd ]"), std::string::npos) << laptop.seen.commands[1];
  EXPECT_EQ(laptop.run_cli({"exec", "-w", "1", "--", "ls", "[1,2]", "[]", "[a]"}).code, 0);
  const auto& command = laptop.seen.commands[1];
  for (const auto* word : {"[1,2]", "[]", "[a]"})
    EXPECT_NE(command.find(word), std::string::npos) << word << " in " << command;
  for (const auto& words : std::initializer_list<std::vector<std::string>>{
           {"push", "[a,b]", "x"}, {"pull", "[a,b]"}, {"wait", "[a,b]"}, {"ips", "x", "[a,b]"}})
    EXPECT_NE(laptop.refused(words).find("[a,b]"), std::string::npos) << words[0];
  EXPECT_EQ(laptop.refused({"ips", "x", "[a,b]"}).find('\x1e'), std::string::npos);
}

TEST(CommandLine, AnIgnoredSignalOfChildrenIsNotInherited) {
  Laptop laptop;
  std::signal(SIGCHLD, SIG_IGN);
  laptop.run_cli({"--version"});
  EXPECT_EQ(std::signal(SIGCHLD, SIG_DFL), SIG_DFL);
}

TEST(CommandLine, ASettingsFileThatIsNoFileIsNamedAndHoldsNothingUp) {
  Laptop laptop;
  const auto file = laptop.folder() / "ec2mpi.toml";
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_EQ(laptop.refused({"nodes"}),
            "ec2mpi: ec2mpi.toml is no file, but a pipe or a device; move it away\n");
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  EXPECT_EQ(laptop.refused({"nodes"}), "ec2mpi: ec2mpi.toml is no file, but a folder; move it away\n");
  std::filesystem::remove(file);
  laptop.write("ec2mpi.toml", std::string(300'000, '#'));
  EXPECT_NE(laptop.refused({"nodes"}).find("ec2mpi.toml is larger than 262 kB"), std::string::npos);
}

TEST(CommandLine, AListThatIsAPipeIsReadOnlyIfItIsNamed) {
  Laptop laptop;
  const auto list = laptop.folder() / Laptop::kList;
  std::filesystem::remove(list);
  ASSERT_EQ(::mkfifo(list.c_str(), 0600), 0);
  EXPECT_NE(laptop.refused({"nodes"}).find("amazon_instances_info is a pipe and no file"), std::string::npos);
  // Commands on instances write their list, so for them it must be a file.
  const std::map<std::string, std::string> region{{"AWS_REGION", "us-east-2"}};
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"up", "1", "--type", "c5n.large", "--yes"},
        {"stop", "--yes", "--list", Laptop::kList}})
    EXPECT_NE(laptop.refused(words, {.variables = region})
                  .find("amazon_instances_info is no file, but a pipe or a device"),
              std::string::npos)
        << words[0];
}

TEST(CommandLine, AnInputFileThatIsAPipeHoldsNothingUp) {
  Laptop laptop;
  ASSERT_EQ(::mkfifo((laptop.folder() / "pipe").c_str(), 0600), 0);
  EXPECT_NE(laptop.refused({"exec-all", "--stdin", "pipe", "cat"}).find("pipe is not a plain file"),
            std::string::npos);
}

TEST(CommandLine, HelpAndVersionGoToStandardOutput) {
  Laptop laptop;
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--help"}, {"exec-all", "--help"}, {"--version"}}) {
    const auto done = laptop.run_cli(words);
    EXPECT_EQ(done.code, 0);
    EXPECT_EQ(done.err, "");
    EXPECT_NE(done.out.find("ec2mpi"), std::string::npos);
  }
}

TEST(CommandLine, HelpFitsIntoATerminal) {
  Laptop laptop;
  for (const char* command : {"exec", "push", "pull", "run", "logs", "login", "nodes"}) {
    const auto help = laptop.run_cli({command, "--help"}).out;
    for (std::size_t begin = 0, end = 0; (end = help.find('\n', begin)) != std::string::npos; begin = end + 1)
      EXPECT_LE(end - begin, 120U) << help.substr(begin, end - begin);
    EXPECT_EQ(help.find("Excludes:"), std::string::npos);
  }
}

TEST(CommandLine, TheVersionNamesLibssh) {
  Laptop laptop;
  const auto said = laptop.run_cli({"--version"}).out;
  EXPECT_NE(said.find("\nlibssh "), std::string::npos) << said;
  EXPECT_NE(said.find("AES-GCM"), std::string::npos) << said;
}

TEST(CommandLine, HelpIsAlsoACommand) {
  Laptop laptop;
  EXPECT_EQ(laptop.run_cli({"help"}).out, laptop.run_cli({"--help"}).out);
  EXPECT_EQ(laptop.run_cli({"help", "push"}).out, laptop.run_cli({"push", "--help"}).out);
  const auto explained = laptop.run_cli({"help", "login-refused"});
  EXPECT_EQ(explained.code, 0);
  EXPECT_TRUE(explained.out.starts_with("- \"login refused for user")) << explained.out;
  EXPECT_TRUE(
      laptop.run_cli({"help", "connection-ended", "login-refused"}).out.ends_with("\n\n" + explained.out));
  EXPECT_EQ(laptop.run_cli({"help", "push", "login-refused"}).out,
            laptop.run_cli({"help", "push"}).out + "\n" + explained.out);
}

}  // namespace
}  // namespace ec2mpi::cli
