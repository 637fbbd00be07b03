#include "ec2mpi/cluster/config.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <chrono>
#include <fstream>

#include "tests/support/scratch_folder.hpp"

namespace ec2mpi {
namespace {

Config config_of(std::string_view text) {
  auto config = parse_config(text, "ec2mpi.toml");
  EXPECT_TRUE(config.has_value()) << (config ? "" : config.error().message);
  return config.value_or(Config{});
}

std::string config_error(std::string_view text) {
  const auto config = parse_config(text, "ec2mpi.toml");
  if (config) return "no error";
  EXPECT_EQ(config.error().kind, ErrorKind::usage);
  EXPECT_EQ(config.error().message.find('\n'), std::string::npos);
  return config.error().message;
}

TEST(Config, ReadsEverySetting) {
  const auto config = config_of(R"(
list = "hosts"
identity = "~/k.pem"
user = "ec2-user"
port = 2222
connect_timeout = 2.5

[groups]
gpu = "type=p3.*"

[jobs.spread]
command = "python3 spread.py"
np = 8
per_node = 2
workdir = "/home/ubuntu/proj"
env = { OMP_NUM_THREADS = "1" }
)");
  EXPECT_EQ(config.list, "hosts");
  EXPECT_EQ(config.identity, "~/k.pem");
  EXPECT_EQ(config.user, "ec2-user");
  EXPECT_EQ(config.port, 2222);
  EXPECT_EQ(config.connect_timeout, 2.5);
  EXPECT_EQ(config.groups.at("gpu"), "type=p3.*");
  const auto& job = config.jobs.at("spread");
  EXPECT_EQ(job.command, (std::vector<std::string>{"python3", "spread.py"}));
  EXPECT_EQ(job.formulas.np, "8");
  EXPECT_EQ(job.formulas.per_node, "2");
  EXPECT_EQ(job.workdir, "/home/ubuntu/proj");
  EXPECT_EQ(job.env.at("OMP_NUM_THREADS"), "1");
}

TEST(Config, ReadsHowLongConnectionsStay) {
  using std::chrono::seconds;
  EXPECT_EQ(config_of("persist = '10m'").persist, seconds(600));
  EXPECT_EQ(config_of("persist = '90s'").persist, seconds(90));
  EXPECT_EQ(config_of("persist = '2h'").persist, seconds(7200));
  EXPECT_EQ(config_of("persist = '1h30m'").persist, seconds(5400));
  EXPECT_EQ(config_of("persist = '10 m'").persist, seconds(600));
  EXPECT_EQ(config_of("persist = 600").persist, seconds(600));
  EXPECT_EQ(config_of("persist = 0").persist, seconds(0));
  EXPECT_EQ(config_of("").persist, std::nullopt);
  for (const auto* wrong : {"'soon'", "-1", "'0.5'", "''", "'m'", "1.5"})
    EXPECT_TRUE(config_error(fmt::format("persist = {}", wrong)).starts_with("ec2mpi.toml:1: persist: "))
        << wrong;
}

TEST(Config, OfNothingIsEmpty) {
  const auto config = config_of("");
  EXPECT_FALSE(config.list || config.identity || config.user || config.port || config.connect_timeout);
  EXPECT_TRUE(config.groups.empty() && config.jobs.empty());
}

TEST(Config, ACommandAsAListKeepsItsWords) {
  EXPECT_EQ(config_of("[jobs.a]\ncommand = ['python3', 'a b.py', '$x']\n").jobs.at("a").command,
            (std::vector<std::string>{"python3", "a b.py", "$x"}));
}

TEST(Config, ASweepKeepsTheFilesOrderAndEveryKindOfValue) {
  const auto job = config_of(R"(
[jobs.a]
command = "x {seed} {agents} {lr} {on} {text}"
np = "{agents}+1"
nodes = 2
[jobs.a.sweep]
seed = "1..3"
agents = [3, 6]
lr = 0.5
on = [true, false]
text = ["1..3", "a,b"]
)")
                       .jobs.at("a");
  EXPECT_EQ(job.formulas.np, "{agents}+1");
  EXPECT_EQ(job.formulas.nodes, "2");
  EXPECT_EQ(job.sweep, (std::vector<Sweep>{{"seed", {"1", "2", "3"}},
                                           {"agents", {"3", "6"}},
                                           {"lr", {"0.5"}},
                                           {"on", {"true", "false"}},
                                           {"text", {"1..3", "a,b"}}}));
}

TEST(Config, AMissingFileIsEmptyAndAnUnreadableOneAnError) {
  EXPECT_TRUE(load_config("/nonexistent/ec2mpi.toml").has_value());
  EXPECT_FALSE(load_config("/tmp").has_value());
}

TEST(Config, AFileThatOthersCanChangeIsRefusedWithTheCommandThatHelps) {
  const test::ScratchFolder folder;
  const auto file = folder.path() / "ec2mpi.toml";
  std::ofstream(file) << "user = \"root\"\n";
  ::chmod(file.c_str(), 0666);
  const auto config = load_config(file);
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().kind, ErrorKind::usage);
  EXPECT_EQ(
      config.error().message,
      file.string() + " can be changed by others, so it is not used; type: chmod go-w " + file.string());
}

struct Case {
  const char* text;
  const char* message;
};

class ConfigError : public testing::TestWithParam<Case> {};

TEST_P(ConfigError, NamesFileLineAndWhatIsWrong) {
  EXPECT_TRUE(config_error(GetParam().text).starts_with(GetParam().message))
      << GetParam().text << "\ngives: " << config_error(GetParam().text) << "\nnot:   " << GetParam().message;
}

INSTANTIATE_TEST_SUITE_P(
    All, ConfigError,
    testing::Values(
        Case{"a = 11111!11'2\"M\xCF\xBB"
             "1e",
             "ec2mpi.toml:1: "},  // ended the program by toml++'s own exception
        Case{"a = ", "ec2mpi.toml:1: "}, Case{"\n\nport = 1 2\n", "ec2mpi.toml:3: "},
        Case{"\nusr = 'me'", "ec2mpi.toml:2: 'usr' is not a setting; known are: connect_timeout"},
        Case{"[jobs.a]\ncommand = \"x\"\nnodes = \"2-2\"",
             "ec2mpi.toml:3: jobs.a.nodes: must be from 1 to 1000000, and is 0"},
        Case{"user = 5", "ec2mpi.toml:1: user: must be a text in quotes"},
        Case{"port = 0", "ec2mpi.toml:1: port: must be a whole number from 1 to 65535"},
        Case{"port = 22.0", "ec2mpi.toml:1: port: must be a whole number"},
        Case{"port = '22'", "ec2mpi.toml:1: port: must be a whole number"},
        Case{"connect_timeout = 0", "ec2mpi.toml:1: connect_timeout: must be a number of seconds above 0"},
        Case{"connect_timeout = -1", "ec2mpi.toml:1: connect_timeout: must be a number of seconds above 0"},
        Case{"connect_timeout = nan", "ec2mpi.toml:1: connect_timeout: must be a number of seconds above 0"},
        Case{"groups = 'x'", "ec2mpi.toml:1: groups: must be a table"},
        Case{"[groups]\na = 1", "ec2mpi.toml:2: groups.a: must be a text"},
        Case{"jobs.a = 1", "ec2mpi.toml:1: jobs.a: must be a table [jobs.NAME]"},
        Case{"[jobs]\nhangs = '10m'",
             "ec2mpi.toml:2: jobs.hangs: must be a table [jobs.NAME]; the settings of "
             "[jobs] itself are end_signal, hang"},
        Case{"[jobs.a]\ncommand = 'a'\ntimeout = 9",
             "ec2mpi.toml:3: timeout is not a setting of [jobs.a], but a flag: ec2mpi run --timeout"},
        Case{"[jobs.a]\ncommand = 'a'\nmap_by = 'node'",
             "ec2mpi.toml:3: map_by is not a setting of [jobs.a], but a flag: ec2mpi run --map-by"},
        Case{"[jobs.a]\ncommand = 'a'\n[jobs.a.env]\n'A B' = '1'",
             "ec2mpi.toml:4: jobs.a.env.A B: 'A B' is not a variable's name"},
        Case{"mpirun = 'mpirun'", "ec2mpi.toml:1: mpirun: must be a full path on the nodes, not 'mpirun'"},
        Case{"[jobs.a]\nnp = 1", "ec2mpi.toml:1: jobs.a: has no command"},
        Case{"[jobs.a]\ncommand = ''", "ec2mpi.toml:2: jobs.a.command: is empty"},
        Case{"[jobs.a]\ncommand = []", "ec2mpi.toml:2: jobs.a.command: is empty"},
        Case{"[jobs.a]\ncommand = ['', 'x']", "ec2mpi.toml:2: jobs.a.command: is empty"},
        Case{"[jobs.a]\ncommand = [1]", "ec2mpi.toml:2: jobs.a.command: must be a text"},
        Case{"[jobs.a]\ncommand = 'a | b'",
             "ec2mpi.toml:2: jobs.a.command: has shell characters; for a shell"},
        Case{"[jobs.a]\ncommand = 'a \"b c\"'",
             "ec2mpi.toml:2: jobs.a.command: has quotes; write it as a list"},
        Case{"[jobs.a]\ncommand = 'a'\nnp = -1", "ec2mpi.toml:3: jobs.a.np: must be a whole number from 1"},
        Case{"[jobs.a]\ncommand = 'a'\nhang = '5m'",
             "ec2mpi.toml:3: hang is not a setting of [jobs.a], but one of [jobs], for all jobs"},
        Case{"end_signal = 'USR1'",
             "ec2mpi.toml:1: end_signal is not a setting, but one of [jobs], for all jobs"},
        Case{"[jobs.a]\ncommand = 'a'\nranks = 1", "ec2mpi.toml:3: 'ranks' is not a setting of [jobs.a]"},
        Case{"[jobs.a]\ncommand = 'a'\nenv = { A = 1 }", "ec2mpi.toml:3: jobs.a.env.A: must be a text"},
        Case{"[jobs.a]\ncommand = 'a'\nnp = '1+'",
             "ec2mpi.toml:3: jobs.a.np: '1+': a number is missing at its end"},
        Case{"[jobs.a]\ncommand = 'a'\nsweep = 1", "ec2mpi.toml:3: jobs.a.sweep: must be a table"},
        Case{"[jobs.a]\ncommand = 'a'\nsweep = { b = [1, 1] }",
             "ec2mpi.toml:3: jobs.a.sweep.b: '1' stands twice"},
        Case{"[jobs.a]\ncommand = 'a'\nsweep = { b = [] }",
             "ec2mpi.toml:3: jobs.a.sweep.b: there is no value"},
        Case{"[jobs.a]\ncommand = 'a'\nsweep = { b = [[1]] }",
             "ec2mpi.toml:3: jobs.a.sweep.b: must be a list"},
        Case{"[jobs.a]\ncommand = 'a'\nsweep = { 'b c' = 1 }",
             "ec2mpi.toml:3: jobs.a.sweep.b c: 'b c' is no name"},
        Case{"[jobs.a]\ncommand = 'a'\nsweep = { b = '5..1' }",
             "ec2mpi.toml:3: jobs.a.sweep.b: '5..1' is empty"},
        Case{"user = \"a\\n  ProxyCommand b\"",
             "ec2mpi.toml:1: user: 'a\\x0a  ProxyCommand b' is not a user name"},
        Case{"\"\\u001b[2J\" = 1", "ec2mpi.toml:1: '\\x1b[2J' is not a setting"}));

TEST(Config, FilesThatTheTomlReaderTakesForImpossibleAreErrors) {
  std::string dots = "a";
  for (int i = 0; i < 100'000; ++i) dots += ".a";
  for (const std::string& text :
       {dots + " = 1\n", "\n" + dots, std::string("\n[\n"), std::string("[[\n"), std::string("\xc5\xba+"),
        std::string("gU\xc7\xbb"), std::string("\xc7\xbb = 1"), std::string("a = [[[[["),
        std::string(100'000, '['), std::string("a = \"\"\"")}) {
    const auto config = parse_config(text, "ec2mpi.toml");
    ASSERT_FALSE(config) << text.substr(0, 20);
    EXPECT_TRUE(config.error().message.starts_with("ec2mpi.toml:")) << config.error().message;
  }
}

TEST(Config, LettersOfAllLanguagesMayStandInQuotesAndComments) {
  const auto config = parse_config(
      "# \u017a's settings\nidentity = \"\u01fb\\\"\u01fb\" # \u01fb\nlist = \"\"\"\n\u017a\" \u017a\"\"\"\n"
      "mpirun = '''/\u017a'''\n",
      "ec2mpi.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->list, "\u017a\" \u017a");
}

TEST(Config, DotsInQuotesAreNoNames) {
  std::string files;
  for (int i = 0; i < 200; ++i) files += "'a.b', ";
  EXPECT_TRUE(parse_config("[jobs.a]\ncommand = 'a'\npush = [" + files + "]\n", "ec2mpi.toml"));
}

TEST(Config, NumbersThatNoClockCanCountAreErrors) {
  for (const auto* text : {"connect_timeout = 1e300", "connect_timeout = inf", "connect_timeout = nan",
                           "prices = { a = inf }", "prices = { a = nan }", "prices = { a = 1e300 }"})
    EXPECT_FALSE(parse_config(text, "ec2mpi.toml")) << text;
}

TEST(Config, JobsHaveOneSignalForTheEndOfTheirNodes) {
  const auto config = config_of("[jobs]\nend_signal = 'USR1'\n[jobs.a]\ncommand = 'x'\n");
  EXPECT_EQ(config.end_signal, "USR1");
  EXPECT_EQ(config.jobs.size(), 1U);
  EXPECT_TRUE(config_of("[jobs.end_signal]\ncommand = 'x'\n").jobs.contains("end_signal"));
  for (const auto* wrong : {"end_signal = 'KILL'", "end_signal = 10", "end_signal = 'usr1'"})
    EXPECT_FALSE(parse_config(std::string("[jobs]\n") + wrong, "ec2mpi.toml")) << wrong;
}

TEST(Config, JobsHaveOneTimeAfterWhichASilentJobEnds) {
  EXPECT_EQ(config_of("[jobs]\nhang = '10m'\n").hang, std::chrono::minutes(10));
  EXPECT_EQ(config_of("[jobs]\nhang = 90\n").hang, std::chrono::seconds(90));
  EXPECT_TRUE(config_of("[jobs.hang]\ncommand = 'x'\n").jobs.contains("hang"));
  EXPECT_FALSE(config_of("").hang);
  EXPECT_FALSE(parse_config("[jobs]\nhang = 'soon'\n", "ec2mpi.toml"));
}

TEST(Config, TakesAHookForTheEndOfAJob) {
  EXPECT_EQ(config_of("[hooks]\ndone = 'touch done'\n").done_hook, "touch done");
  EXPECT_FALSE(parse_config("[hooks]\nstart = 'x'\n", "ec2mpi.toml"));
  EXPECT_FALSE(parse_config("hooks = 'x'\n", "ec2mpi.toml"));
}

TEST(Config, FillsOnlyWhatIsNotSet) {
  auto here = config_of("user = 'here'\n[groups]\na = '1'\n");
  here.fill_from(config_of("user = 'home'\nport = 44\n[groups]\na = '2'\nb = '3'\n"));
  EXPECT_EQ(here.user, "here");
  EXPECT_EQ(here.port, 44);
  EXPECT_EQ(here.groups, (std::map<std::string, std::string>{{"a", "1"}, {"b", "3"}}));
}

TEST(Config, ATextWithoutItsQuotesIsNamed) {
  for (const auto& [text, says] : std::initializer_list<std::pair<const char*, const char*>>{
           {"# mine\nuser = ubuntu\n", "ec2mpi.toml:2: a text needs quotes: user = \"ubuntu\""},
           {"identity = ~/k.pem # the key", "ec2mpi.toml:1: a text needs quotes: identity = \"~/k.pem\""},
           {"persist = 10m", "a text needs quotes: persist = \"10m\""},
           {"[jobs.a]\ncommand = ./a\n", "ec2mpi.toml:2: a text needs quotes: command = \"./a\""},
           {"[jobs.a]\npush = [a.py, b.py]\n", "ec2mpi.toml:2: texts in a list need quotes: [\"a\", \"b\"]"},
           {"user = \u201cubuntu\u201d", "ec2mpi.toml:1: '\u201c' only looks like '\"'"},
           {"user\uff1d\"ubuntu\"", "ec2mpi.toml:1: '\uff1d' only looks like '='"},
           {"user = \u00e9", "ec2mpi.toml:1: a letter that must stand in quotes"}})
    EXPECT_NE(config_error(text).find(says), std::string::npos) << config_error(text);
  for (const char* other : {"user = \"a", "port = 022", "x", "= 1"})
    EXPECT_EQ(config_error(other).find("quotes:"), std::string::npos) << config_error(other);
}

}  // namespace
}  // namespace ec2mpi
