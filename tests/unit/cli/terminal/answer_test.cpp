// The one JSON document of a command, by the command line.

#include "ec2mpi/cli/terminal/answer.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "ec2mpi/cli/terminal/json.hpp"
#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::Laptop;

constexpr const char* kFacts =
    "ec2mpi-facts 1\nprivate_address 10.0.0.1\naddresses 10.0.0.1\nhostname a\nhome /home/u\nboot_id 1\n"
    "cores 2\nthreads 2\nmpirun /usr/bin/mpirun\nmpi mpirun (Open MPI) 4.1.4\npython3 /usr/bin/python3\n"
    "mpi4py yes\nefa no\nsettings no\nec2mpi-facts end\n";

TEST(JsonDocument, EachCommandThatDoesNotComeToItsOwnDocumentPrintsOneWithTheError) {
  Laptop laptop;
  const auto tree = Json::parse(laptop.run_cli({"option-tree"}).out);
  std::size_t tried = 0;
  for (const auto& command : tree["commands"]) {
    const auto has_json = [](const Json& option) {
      return std::ranges::count(option["names"], Json("--json")) > 0;
    };
    if (std::ranges::none_of(command["options"], has_json)) continue;
    ++tried;
    const auto name = command["name"].get<std::string>();
    // A list that is not there, and a flag that is not.
    for (const char* wrong : {"--list=nosuch", "--bogus"}) {
      // It ends connections also where the list is damaged.
      if (name == "disconnect" && wrong != std::string("--bogus")) continue;
      const auto done = laptop.run_cli({name, "--json", wrong});
      const auto document = Json::parse(done.out, nullptr, false);
      ASSERT_TRUE(document.is_object()) << name << wrong << done.out << done.err;
      EXPECT_NE(done.code, 0) << name;
      EXPECT_EQ(document["schema"], 1);
      EXPECT_EQ(document["exit_code"], done.code) << name;
      EXPECT_EQ("ec2mpi: " + document["error"].get<std::string>() + "\n", done.err) << name;
    }
  }
  EXPECT_GE(tried, 18U);
}

TEST(JsonDocument, TheWordBehindTheDashesIsTheProgramsOwn) {
  Laptop laptop;
  EXPECT_EQ(laptop.run_cli({"exec-all", "--", "-x"}).out, "");
  EXPECT_EQ(laptop.run_cli({"exec-all", "--bogus", "--", "--json"}).out, "");
  EXPECT_EQ(laptop.run_cli({"run", "--bogus", "--", "a", "--json"}).out, "");
}

TEST(JsonDocument, OfAMasterThatIsNotReachedHasItsReason) {
  Laptop laptop(2);
  for (int index : {1, 2}) laptop.nodes[index] = {.door = test::FakeNode::Door::refuses};
  for (const std::vector<std::string>& words : {std::vector<std::string>{"net", "--json"},
                                                {"attach", "--json"},
                                                {"jobs", "--json"},
                                                {"wait", "x", "--json"},
                                                {"run", "--json", "--", "./a"},
                                                {"stacks", "--json"}}) {
    const auto done = laptop.run_cli(words);
    const auto document = Json::parse(done.out, nullptr, false);
    ASSERT_TRUE(document.is_object()) << words[0] << done.out << done.err;
    EXPECT_EQ(document["exit_code"], done.code) << words[0];
    EXPECT_NE(document["error"].get<std::string>().find("connection refused"), std::string::npos)
        << words[0] << document.dump();
  }
}

TEST(JsonDocument, OnlyCommandsThatShowAProgramsOutputHaveNone) {
  Laptop laptop;
  const auto tree = Json::parse(laptop.run_cli({"option-tree"}).out);
  std::vector<std::string> without;
  for (const auto& command : tree["commands"]) {
    const auto is_json = [](const Json& option) {
      return std::ranges::count(option["names"], Json("--json")) > 0;
    };
    if (std::ranges::none_of(command["options"], is_json)) without.push_back(command["name"]);
  }
  EXPECT_EQ(without, (std::vector<std::string>{"login", "shell"}));
}

TEST(JsonDocument, OfACommandThatAnswersByMessagesHasThemAndItsFields) {
  Laptop laptop;
  laptop.write("run_a.sh", "mpirun -np 2 ./a\n");
  laptop.write("run_b.sh", "./b\n");
  const auto done = laptop.run_cli({"init", "--json"});
  EXPECT_EQ(done.code, 0);
  const auto document = Json::parse(done.out, nullptr, false);
  ASSERT_TRUE(document.is_object()) << done.out << done.err;
  EXPECT_EQ(document["exit_code"], 0);
  EXPECT_EQ(document["file"], "ec2mpi.toml");
  EXPECT_EQ(document["jobs"], Json({"a"}));
  EXPECT_EQ(document["scripts"][0]["script"], "run_b.sh");
  ASSERT_EQ(document["messages"].size(), 3U) << document.dump();
  EXPECT_EQ(document["messages"][0], "run_a.sh: ec2mpi run a");
  EXPECT_FALSE(document.contains("error"));
  EXPECT_EQ(std::ranges::count(done.err, '\n'), 3) << done.err;
}

TEST(JsonDocument, OfAPlanIsTheDocumentOfTheSeries) {
  Laptop laptop;
  // First comes the question for the jobs that are there, then that for the facts, then whether the master
  // would take the jobs.
  std::vector<std::string> answers = {"submitted a-n1\nsubmitted a-n2\n", kFacts,
                                      "now 1.0\nec2mpi-report end\n"};
  laptop.nodes[1].program = [&answers](const std::string&) {
    test::FakeNode node;
    node.out = answers.back();
    answers.pop_back();
    return node;
  };
  const auto done = laptop.run_cli({"run", "--set", "n=1,2", "--dry-run", "--json", "--", "./a", "{n}"});
  const auto document = Json::parse(done.out, nullptr, false);
  ASSERT_TRUE(document.is_object()) << done.out << done.err;
  ASSERT_EQ(document["variants"].size(), 2U);
  EXPECT_EQ(document["variants"][1]["parameters"]["n"], "2");
  EXPECT_EQ(document["variants"][1]["state"], "waiting");
  EXPECT_EQ(document["variants"][1]["variant"], "a-n2") << "as a single job, without the program's folder";
}

}  // namespace
}  // namespace ec2mpi::cli
