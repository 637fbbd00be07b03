// run, attach, logs and cancel, with a master that only plays its part: what the user sees, and the exit
// code.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "tests/support/laptop.hpp"
#include "tests/support/program_text.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::FakeNode;
using ::ec2mpi::test::Laptop;
using ::ec2mpi::test::program_in;
using ::ec2mpi::test::value_in;

constexpr const char* kClean = "node node1\nec2mpi-sweep 1\nec2mpi-sweep end\n";

std::string facts(int index, const std::string& version = "4.1.4") {
  return fmt::format(
      "ec2mpi-facts 1\nprivate_address 10.0.0.{0}\naddresses 10.0.0.{0}\nhostname h{0}\nhome "
      "/home/u\nboot_id "
      "1\ncores 2\nthreads 2\nmpirun /usr/bin/mpirun\nmpi mpirun (Open MPI) {1}\npython3 "
      "/usr/bin/python3\nmpi4py yes\nefa no\nsettings no\nec2mpi-facts end\n",
      index, version);
}

/// What the follower prints of one job, in the words of functions.sh.
struct PlayedJob {
  std::string id = "hello-1";
  std::string out = {};
  std::string err = {};
  std::string record = "state ended 0\n";  ///< empty: it does not end

  void play(FakeNode& program, const std::string& nonce) const {
    const auto introduction = fmt::format("{0}.job\n{1} running 0 0\n{0}.job end\n", nonce, id);
    program.out += introduction + out;
    program.err += introduction + err;
    if (record.empty()) return;
    program.out += fmt::format("{0}\n{0} end\n", nonce);
    program.err += fmt::format("{0}\njob {1}\n{2}{3}{0} end\n", nonce, id, record, kClean);
  }
};

/// Node 1 gives its facts, takes one job, and plays it.
FakeNode master(const PlayedJob& job) {
  return {.program = [job](const std::string& command) {
    const auto nonce = value_in(program_in(command), "nonce");
    if (!nonce.empty()) {  // attach, logs, wait, cancel
      FakeNode follower{.end = job.record.empty() ? FakeNode::End::never : FakeNode::End::exits};
      job.play(follower, nonce);
      return follower;
    }
    FakeNode shell{.out = facts(1) + "ec2mpi-busy end\n", .end = FakeNode::End::never};
    shell.on_input = [job](FakeNode& program, std::string_view input) {
      if (const auto of_input = value_in(input, "nonce"); !of_input.empty()) {
        auto mine = job;
        mine.id = value_in(input, "id");
        mine.play(program, of_input);
      } else if (input.find("\nexit 0\n}") != std::string_view::npos) {  // a dry run's last question
        program.end = FakeNode::End::exits;
      }
    };
    return shell;
  }};
}

FakeNode worker(int index, const std::string& version = "4.1.4") {
  return {.program = [=](const std::string&) { return FakeNode{.out = facts(index, version)}; }};
}

/// A master that has no script of the name, and says so when its shell is given text that sets `variable`.
FakeNode refusing_master(const char* variable) {
  auto node = master({});
  node.program = [played = node.program, variable](const std::string& command) {
    auto shell = played(command);
    shell.on_input = [variable](FakeNode& program, std::string_view input) {
      if (value_in(input, variable).empty()) return;
      program.err += "ec2mpi: on the master: there is no run_spead.sh\n";
      program.end = FakeNode::End::exits;
      program.status = {2, {}};
    };
    return shell;
  };
  return node;
}

TEST(RunCommand, TheJobsBytesAreUnchangedAndItsStatusIsTheExitCode) {
  Laptop laptop;
  laptop.nodes[1] = master({.out = "hello\n\xff", .err = "warning\n", .record = "state ended 3\n"});
  const auto done = laptop.run_cli({"run", "-np", "2", "--", "./hello"});
  EXPECT_EQ(done.out, "hello\n\xff");
  EXPECT_NE(done.err.find("2 ranks on 1 node · Open MPI 4.1.4"), std::string::npos) << done.err;
  EXPECT_NE(done.err.find("warning\n"), std::string::npos) << done.err;
  EXPECT_EQ(done.code, 3);
}

TEST(RunCommand, DetachPrintsTheIdAndNothingElseOnStandardOutput) {
  Laptop laptop;
  laptop.nodes[1] = master({});
  const auto done = laptop.run_cli({"run", "-d", "--", "./hello"});
  EXPECT_TRUE(done.out.starts_with("hello-19700101-000000-")) << done.out;
  EXPECT_EQ(done.code, 0);
}

TEST(RunCommand, JsonOfOneJobIsItsStateAndOutput) {
  Laptop laptop;
  laptop.nodes[1] = master({.out = "hello\n", .err = "warning\n", .record = "state ended 3\n"});
  const auto done = laptop.run_cli({"run", "-np", "2", "--json", "--", "./hello"});
  EXPECT_EQ(done.code, 3);
  const auto document = Json::parse(done.out, nullptr, false);
  ASSERT_TRUE(document.is_object()) << done.out << done.err;
  EXPECT_EQ(document["job"]["outcome"], "exit 3");
  EXPECT_EQ(document["stdout"], "hello\n");
  EXPECT_EQ(document["stderr"], "warning\n");
  EXPECT_EQ(done.err.find("warning"), std::string::npos) << done.err;
}

TEST(RunCommand, AValueOfASweepIsNoArgument) {
  Laptop laptop;
  laptop.write("ec2mpi.toml", "[jobs.s]\ncommand = \"./a {n}\"\n[jobs.s.sweep]\nn = [1, 2]\n");
  EXPECT_EQ(laptop.refused({"run", "s", "n=5"}),
            "ec2mpi: 'n=5' is a value of the sweep: ec2mpi run s --set n=5\n");
}

TEST(RunCommand, JsonOfAJobThatIsLeftIsItsId) {
  Laptop laptop;
  laptop.nodes[1] = master({});
  const auto document = Json::parse(laptop.run_cli({"run", "-d", "--json", "--", "./hello"}).out);
  EXPECT_TRUE(document["job"]["id"].get<std::string>().starts_with("hello-1970")) << document.dump();
  EXPECT_EQ(document["job"].size(), 1U);
}

TEST(RunCommand, ADryRunOfOneJobIsItsPlanOrTheRealRefusal) {
  Laptop laptop;
  laptop.nodes[1] = master({});
  const auto plan = laptop.run_cli({"run", "--dry-run", "-np", "2", "--", "./hello"});
  EXPECT_EQ(plan.code, 0);
  EXPECT_NE(plan.out.find("# the hostfile\n10.0.0.1"), std::string::npos) << plan.out;
  EXPECT_EQ(plan.err, "");
  const auto document =
      Json::parse(laptop.run_cli({"run", "--dry-run", "--json", "-np", "2", "--", "./a"}).out);
  EXPECT_EQ(document["ranks"], 2);
  EXPECT_EQ(document["mpirun"].back(), "./a");
  const auto refused = laptop.run_cli({"run", "-np", "14", "--", "./hello"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("14 ranks"), std::string::npos) << refused.err;
  const auto dry = laptop.run_cli({"run", "--dry-run", "-np", "14", "--", "./hello"});
  EXPECT_EQ(dry.err, refused.err);
  EXPECT_EQ(dry.code, 2);
}

TEST(RunCommand, ADryRunIsRefusedByTheMasterAsTheRealRun) {
  Laptop laptop;
  laptop.nodes[1] = refusing_master("workdir");
  const auto done = laptop.run_cli({"run", "--dry-run", "spead"});
  EXPECT_EQ(done.err, "ec2mpi: on the master: there is no run_spead.sh\n");
  EXPECT_EQ(done.out, "");
  EXPECT_EQ(done.code, 2);
}

TEST(RunCommand, ADryRunFindsThatAFileOfThePushIsMissingAndSendsNothing) {
  Laptop laptop;
  laptop.nodes[1] = master({});
  laptop.write("ec2mpi.toml", "[jobs.s]\ncommand = \"./a\"\npush = [\"data\"]\n");
  EXPECT_NE(laptop.run_cli({"run", "s", "--dry-run"}).err.find("data"), std::string::npos);
  EXPECT_TRUE(laptop.seen.connected.empty());
  laptop.write("data", "x");
  const auto done = laptop.run_cli({"run", "s", "--dry-run"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_NE(done.out.find("# the hostfile"), std::string::npos) << done.out;
}

TEST(RunCommand, ARefusalNamesAStepThatWorks) {
  Laptop laptop;
  laptop.write("ec2mpi.toml", "[jobs.a]\ncommand = \"./a\"\npull = [\"{variant}.txt\"]\n");
  const auto variant = laptop.refused({"run", "a"});
  EXPECT_NE(variant.find("the name of one job of a series"), std::string::npos) << variant;
  EXPECT_EQ(variant.find("--set variant"), std::string::npos) << variant;
  const auto quoted = laptop.refused({"run", "sub dir/run_x.sh"});
  EXPECT_TRUE(quoted.ends_with("ec2mpi run -- 'sub dir/run_x.sh'\n")) << quoted;
  const auto reserved = laptop.refused({"run", "-x", "EC2MPI_JOB=zz", "--", "./a"});
  EXPECT_NE(reserved.find("EC2MPI_JOB is set by ec2mpi"), std::string::npos) << reserved;
}

TEST(RunCommand, AProgramInThePlaceOfANameIsNamedWithItsCommandBeforeAnyConnection) {
  Laptop laptop;
  laptop.write("hello.py", "print(1)\n");
  laptop.write("ring", "x");
  EXPECT_EQ(laptop.run_cli({"run", "hello.py"}).err,
            "ec2mpi: hello.py is a program and not a job's name: ec2mpi run -- python3 hello.py\n");
  const auto done = laptop.run_cli({"run", "ring"});
  EXPECT_EQ(done.err, "ec2mpi: ring is a program and not a job's name: ec2mpi run -- ./ring\n");
  EXPECT_EQ(done.code, 2);
  EXPECT_TRUE(laptop.seen.connected.empty());
}

TEST(RunCommand, RanksThatAreSpreadEvenlyOverSomeNodesAreNotListed) {
  Laptop laptop(3);
  laptop.nodes[1] = master({});
  laptop.nodes[2] = worker(2);
  laptop.nodes[3] = worker(3);
  const auto played = laptop.nodes[1].program;
  laptop.nodes[1].program = [played](const std::string& command) {
    auto shell = played(command);
    const auto end = shell.out.find("ec2mpi-busy end");
    if (end != std::string::npos) shell.out.insert(end, "busy 10.0.0.1 other-1\n");
    return shell;
  };
  const auto done = laptop.run_cli({"run", "-np", "2", "--", "./hello"});
  EXPECT_NE(done.err.find("2 ranks on 2 nodes · Open"), std::string::npos) << done.err;
}

TEST(RunCommand, APlacementThatOnlyMpirunKnowsIsNotSaid) {
  Laptop laptop(2);
  laptop.nodes[1] = master({});
  laptop.nodes[2] = worker(2);
  const auto said = [&](const char* map_by) {
    return laptop.run_cli({"run", "-np", "2", "--map-by", map_by, "--", "./hello"}).err;
  };
  EXPECT_NE(said("node:span").find(": 2 ranks, placed by mpirun (--map-by node:span) · Open"),
            std::string::npos);
  EXPECT_NE(said("NODE").find(": 2 ranks on 2 nodes · Open"), std::string::npos);
}

TEST(RunCommand, ARefusalOfTheMasterStandsAlone) {
  Laptop laptop;
  laptop.nodes[1] = refusing_master("nonce");
  const auto done = laptop.run_cli({"run", "spead"});
  EXPECT_EQ(done.err, "ec2mpi: on the master: there is no run_spead.sh\n");
  EXPECT_EQ(done.code, 2);
}

TEST(RunCommand, ExplainShowsEachOptionWithItsReasonAndHandsNothingOver) {
  Laptop laptop(2);
  laptop.nodes[1] = master({});
  laptop.nodes[2] = worker(2);
  const auto done = laptop.run_cli({"run", "--explain", "--", "./hello"});
  EXPECT_EQ(done.code, 0);
  EXPECT_TRUE(done.out.starts_with("/usr/bin/mpirun ")) << done.out;
  EXPECT_NE(done.out.find("# the hostfile\n10.0.0.1 slots=2\n10.0.0.2 slots=2\n"), std::string::npos)
      << done.out;
  EXPECT_EQ(laptop.seen.input[1].find("make_folder"), std::string::npos);
}

TEST(RunCommand, NodesWithoutOneMpiAreNamedByVersion) {
  Laptop laptop(3);
  laptop.nodes[1] = master({});
  laptop.nodes[2] = worker(2);
  laptop.nodes[3] = worker(3, "4.0.0");
  const auto done = laptop.run_cli({"run", "--", "./hello"});
  EXPECT_EQ(
      done.err,
      "ec2mpi: the nodes do not have one MPI: node3 Open MPI 4.0.0, node[1-2] Open MPI 4.1.4; different "
      "versions hang without a word: install the same everywhere\n");
  EXPECT_EQ(done.code, 1);
}

TEST(RunCommand, ANodeThatDoesNotAnswerStopsTheJobAndTheFlagThatLeavesItOutIsNamed) {
  Laptop laptop(3);
  laptop.nodes[1] = master({});
  laptop.nodes[2] = worker(2);
  laptop.nodes[3] = {.door = FakeNode::Door::refuses};
  const auto done = laptop.run_cli({"run", "--", "./hello"});
  EXPECT_EQ(done.err,
            "node3: connection refused\n"
            "ec2mpi: nothing was started; to continue without node3, add --exclude 3\n");
  EXPECT_EQ(done.code, 1);
}

TEST(RunCommand, TheFolderRemembersThatItsLastJobHasEnded) {
  Laptop laptop;
  laptop.nodes[1] = master({.record = "state ended 0\n"});
  EXPECT_EQ(laptop.run_cli({"run", "--", "./hello"}).code, 0);
  const auto said = laptop.run_cli({}).out;
  EXPECT_NE(said.find(", ok\n"), std::string::npos) << said;
}

TEST(RunCommand, TheWayOfAJobsEndIsSaid) {
  struct Case {
    const char* record;
    const char* says;
    int code;
  };
  for (const auto& [record, says, code] : std::initializer_list<Case>{
           {"state ended 1\nwhy timeout\n", "the time limit was over", 124},
           {"state ended 143\nwhy cancelled\n", "was cancelled", 130},
           {"state ended 1\nwhy hung\n", "mpirun did not return although no rank was left", 1},
           {"state ended 1\nwhy ranks missing\n", "has started fewer ranks than requested", 1},
           {"state ended 1\nwhy aborted\n",
            "a rank has called MPI_Abort with a status that mpirun shows as 0", 1},
           {"state ended 1\nwhy no room\n", "the disk of the master is too full to start a job", 1},
           {"state ended 1\nwhy no start\n", "mpirun's daemon on a node ended at its start", 1},
           {"state ended 1\nwhy no connection\n", "a rank could not connect to another one (a firewall, or",
            1},
           {"state ended 137\nwhy mpirun killed\n", "mpirun itself was killed on the master (signal 9)", 137},
           {"state ended 1\nwhy mpirun ended\n", "mpirun ended with 1 and said nothing, as if a signal", 1},
           {"state ended 1\nwhy daemon\n", "mpirun lost its daemon on a node", 1},
           {"state ended 1\nwhy input lost\n", "did not get all of its standard input, and so it has failed",
            1},
           {"state ended 1\nwhy output lost\n", "could be kept on the master, and so it has failed", 1},
           {"state lost killed\n", "its supervisor on the master was killed", 255},
           {"state lost rebooted\n", "the master was booted", 255},
           {"state lost unstarted\n", "its supervisor on the master did not start", 255},
           {"state lost gone\n", "nobody knows how it ended", 255},
           {"state waiting \n", "which has not ended; ec2mpi attach", 255}}) {
    Laptop laptop;
    laptop.nodes[1] = master({.record = record});
    const auto done = laptop.run_cli({"run", "--", "./hello"});
    EXPECT_NE(done.err.find(says), std::string::npos) << record << done.err;
    EXPECT_EQ(done.code, code) << record;
  }
}

TEST(RunCommand, AKnownErrorOfTheJobGetsAHint) {
  Laptop laptop;
  laptop.nodes[1] =
      master({.err = "python3: can't open file '/home/u/x.py': [Errno 2] No such file or directory\n",
              .record = "state ended 2\n"});
  const auto done = laptop.run_cli({"run", "--", "./hello"});
  EXPECT_NE(done.err.find("hint: "), std::string::npos) << done.err;
  EXPECT_EQ(done.code, 2);
}

TEST(RunCommand, ProcessesThatAreLeftAreNamedWithTheirNode) {
  Laptop laptop;
  laptop.nodes[1] = master({.record = "state ended 0\nnode node2\nec2mpi-sweep 1\nended 7 sleep\nleft 7 "
                                      "sleep\nec2mpi-sweep end\n"});
  const auto done = laptop.run_cli({"run", "--", "./hello"});
  EXPECT_NE(done.err.find("still running on node2: pid 7 sleep"), std::string::npos) << done.err;
}

TEST(RunCommand, JsonLinesGiveTheLinesAndTheEndAsEvents) {
  Laptop laptop;
  laptop.nodes[1] = master({.out = "one\ntwo", .err = "warning\n", .record = "state ended 3\n"});
  const auto done = laptop.run_cli({"run", "--json-lines", "-np", "1", "--", "./hello"});
  std::vector<std::string> events;
  for (const auto line : split(done.out, '\n')) {
    if (line.empty()) continue;
    const auto event = Json::parse(line);
    events.push_back(event["event"].get<std::string>() + " " + event.value("text", ""));
    if (event["event"] == "end") {
      EXPECT_EQ(event["exit_code"], 3);
    }
  }
  std::ranges::sort(events);
  EXPECT_EQ(events, (std::vector<std::string>{"begin ", "end ", "line one", "line two", "line warning"}))
      << done.out;
  EXPECT_EQ(done.code, 3);
}

TEST(RunCommand, StandardInputReachesAnAdditionalProgramOnTheMaster) {
  Laptop laptop;
  PlayedJob job;
  laptop.nodes[1] = master(job);
  const auto played = laptop.nodes[1].program;
  laptop.nodes[1].program = [played](const std::string& command) {
    const bool feeds = program_in(command).find("in.pipe") != std::string::npos &&
                       value_in(program_in(command), "nonce").empty();
    return feeds ? FakeNode{} : played(command);
  };
  const auto done = laptop.run_cli({"run", "-np", "1", "--", "./hello"}, {.input = "3 4\n", .piped = true});
  EXPECT_NE(laptop.seen.input[1].find("keep input"), std::string::npos);
  EXPECT_EQ(done.code, 0);
}

TEST(WaitCommand, OfSeveralJobsGivesTheFirstStatusThatIsNotZero) {
  Laptop laptop;
  std::vector<std::string> asked;
  laptop.nodes[1] = {.program = [&asked](const std::string& command) {
    const auto program = program_in(command);
    const auto at = program.find("find_job ");
    asked.push_back(program.substr(at + 9, program.find('\n', at) - at - 9));
    FakeNode follower;
    const auto status = asked.size() == 1 ? "0" : asked.size() == 2 ? "3" : "5";
    PlayedJob{.record = fmt::format("state ended {}\n", status)}.play(follower, value_in(program, "nonce"));
    return follower;
  }};
  EXPECT_EQ(laptop.run_cli({"wait", "a", "b", "c"}).code, 3);
  EXPECT_EQ(asked, (std::vector<std::string>{"a", "b", "c"}));
}

TEST(JobsCommand, CanBeLimitedToNodes) {
  Laptop laptop(3);
  laptop.nodes[1] = {.program = [](const std::string&) {
    return FakeNode{.out =
                        "job a-1\nstate running \nmeta np 1\nmeta nodes 1\n"
                        "job b-1\nstate running \nmeta np 2\nmeta nodes 2-3\n"
                        "job c-1\nstate waiting \nmeta np 2\n"};
  }};
  const auto done = laptop.run_cli({"jobs", "-w", "3"});
  EXPECT_NE(done.out.find("\nb-1 "), std::string::npos) << done.out << done.err;
  EXPECT_EQ(done.out.find("a-1"), std::string::npos) << done.out;
  EXPECT_EQ(done.out.find("c-1"), std::string::npos) << done.out;
}

TEST(LogsCommand, PrintsTheOutputSoFarAndSaysNothingOfTheEnd) {
  Laptop laptop;
  laptop.nodes[1] = master({.out = "hello\n", .record = "state ended 3\n"});
  const auto done = laptop.run_cli({"logs"});
  EXPECT_EQ(done.out, "hello\n");
  EXPECT_EQ(done.err, "");
  EXPECT_EQ(done.code, 0);
}

TEST(LogsCommand, OfARankThatTheOutputDoesNotNameIsNoSuccess) {
  Laptop laptop;
  laptop.nodes[1] = master({.out = "hello\n", .record = "state ended 0\n"});
  const auto done = laptop.run_cli({"logs", "--rank", "0"});
  EXPECT_EQ(done.code, 2);
  EXPECT_NE(done.err.find("start it with --tag"), std::string::npos) << done.err;
  laptop.nodes[1] = master({.out = "[1,0]<stdout>: hello\n", .record = "state ended 0\n"});
  EXPECT_EQ(laptop.run_cli({"logs", "--rank", "0"}).code, 0);
}

TEST(LogsCommand, OfARankThatTheJobDoesNotHaveIsNoSuccess) {
  Laptop laptop;
  const auto logs = [&laptop](const char* rank, const std::string& out) {
    laptop.nodes[1] = master({.out = out, .record = "state ended 0\nmeta np 2\n"});
    return laptop.run_cli({"logs", "--rank", rank});
  };
  for (const std::string out : {"", "hello\n", "[1,0]<stdout>: hello\n"}) {
    const auto done = logs("2", out);
    EXPECT_EQ(done.code, 2) << out;
    EXPECT_EQ(done.out, "");
    EXPECT_NE(done.err.find(" has the ranks 0-1\n"), std::string::npos) << done.err;
  }
  EXPECT_EQ(logs("1", "[1,0]<stdout>: hello\n").code, 0) << "it has printed nothing";
  EXPECT_EQ(logs("3", "[2,3]<stdout>: of a rank that the program has spawned\n").code, 0);
}

TEST(WaitCommand, GivesTheJobsStatusInSilence) {
  Laptop laptop;
  laptop.nodes[1] = master({.record = "state ended 3\n"});
  const auto done = laptop.run_cli({"wait", "hello"});
  EXPECT_EQ(done.out, "");
  EXPECT_EQ(done.code, 3);
}

TEST(JobsCommand, TimesHaveNoPartsOfASecond) {
  Laptop laptop;
  laptop.nodes[1] = {.program = [](const std::string&) {
    return FakeNode{.out = "job a-1\nstate ended 0\nmeta np 1\ntimes started 100\ntimes ended 105\n"};
  }};
  const auto done = laptop.run_cli({"jobs"});
  EXPECT_NE(done.out.find("  5 s  "), std::string::npos) << done.out << done.err;
}

TEST(RunCommand, TheHostOfAFailedRankIsNamedAsTheListDoes) {
  Laptop laptop(2);
  constexpr const char* kFailure =
      "mpirun noticed that process rank 1 with PID 0 on node {} exited on signal 9 (Killed).\n";
  for (const auto& [host, shown] : std::initializer_list<std::pair<const char*, const char*>>{
           {"10.0.0.2", "node2 (203.0.113.12)"}, {"h1", "node1 (203.0.113.11)"}, {"other", "other"}}) {
    laptop.nodes[1] =
        master({.err = fmt::format(fmt::runtime(kFailure), host), .record = "state ended 137\n"});
    laptop.nodes[2] = worker(2);
    const auto done = laptop.run_cli({"run", "-np", "2", "--", "./hello"});
    EXPECT_NE(done.err.find(fmt::format("rank 1 on {} was killed (signal 9)", shown)), std::string::npos)
        << done.err;
  }
}

TEST(RunCommand, TheSignalIsToldWhereOpenMpiNamesNoRank) {
  Laptop laptop(2);
  laptop.nodes[2] = worker(2);
  for (const auto& [status, text] : std::initializer_list<std::pair<int, const char*>>{
           {137, "ended with 137, the status of signal 9: out of memory, or somebody's kill"},
           {143, "ended with 143, the status of signal 15: somebody ended it"},
           {138, "ended with 138, the status of signal 10\n"}}) {
    laptop.nodes[1] = master({.err = "Primary job  terminated normally, but 1 process returned\n",
                              .record = fmt::format("state ended {}\n", status)});
    const auto done = laptop.run_cli({"run", "-np", "2", "--", "./hello"});
    EXPECT_NE(done.err.find(text), std::string::npos) << done.err;
  }
  laptop.nodes[1] = master({.err = "", .record = "state ended 3\n"});
  EXPECT_EQ(laptop.run_cli({"run", "-np", "2", "--", "./hello"}).err.find("the status of"),
            std::string::npos);
}

/// Open MPI names no host here: the placement knows it, unless the user's words place the ranks.
TEST(RunCommand, TheNodeOfAFailedRankIsNamedThoughOpenMpiDoesNotNameIt) {
  Laptop laptop(2);
  laptop.nodes[1] =
      master({.err = "  Process name: [[50984,1],1]\n  Exit code:    3\n", .record = "state ended 3\n"});
  laptop.nodes[2] = worker(2);
  const auto done = laptop.run_cli({"run", "-np", "2", "--", "./hello"});
  EXPECT_NE(done.err.find("ec2mpi: rank 1 on node2 (203.0.113.12) ended with 3\n"), std::string::npos)
      << done.err;
  const auto own = laptop.run_cli({"run", "-np", "2", "--rank-by", "node", "--", "./hello"});
  EXPECT_NE(own.err.find("ec2mpi: rank 1 ended with 3\n"), std::string::npos) << own.err;
}

/// Around a page of Open MPI.
const std::string kRule = std::string(74, '-') + "\n";

TEST(RunCommand, AFullDiskIsNamedWithItsNodeAndItsFileSystem) {
  Laptop laptop(2);
  laptop.nodes[1] = master(
      {.err = kRule +
              "A call to mkdir was unable to create the desired directory:\n\n  Directory: "
              "/tmp/ompi.h2.1000/jf.0/1\n  Error:     No space left on device\n\nPlease check\n" +
              kRule + "[h2:77] [[1,0],1] ORTE_ERROR_LOG: Error in file util/session_dir.c at line 107\n",
       .record = "state ended 1\n"});
  laptop.nodes[2] = worker(2);
  const auto done = laptop.run_cli({"run", "-np", "2", "--", "./hello"});
  EXPECT_NE(
      done.err.find("hint: the file system of /tmp on node2 is full: ec2mpi exec -w 2 'df -h /tmp; df -i "
                    "/tmp'"),
      std::string::npos)
      << done.err;
}

TEST(RunCommand, PythonOfTheOldNameIsReplacedOnlyWhereThereIsPython3) {
  Laptop laptop;
  laptop.nodes[1] = master({.err = kRule +
                                   "mpirun was unable to find the specified executable file, and therefore\n"
                                   "Node:       h1\nExecutable: python\n" +
                                   kRule,
                            .record = "state ended 134\n"});
  const auto done = laptop.run_cli({"run", "--", "python", "a.py"});
  EXPECT_NE(
      done.err.find("hint: the nodes have no command python, but python3: ec2mpi run ... -- python3 ..."),
      std::string::npos)
      << done.err;
}

TEST(RunCommand, ADryRunOfAScriptDoesNotClaimThatItStartsMpirun) {
  Laptop laptop;
  laptop.nodes[1] = master({});
  laptop.write("run_nompi.sh", "hostname\n");
  const auto done = laptop.run_cli({"run", "nompi", "--dry-run"});
  EXPECT_NE(done.out.find("are made for an mpirun in it\n"), std::string::npos) << done.out << done.err;
  EXPECT_EQ(done.out.find("starts mpirun"), std::string::npos) << done.out;
}

}  // namespace
}  // namespace ec2mpi::cli
