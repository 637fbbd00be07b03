// Words and options of other tools, on the command line.

#include "src/cli/session/other_words.hpp"

#include <gtest/gtest.h>

#include "tests/support/laptop.hpp"

namespace ec2mpi::cli {
namespace {

using ::ec2mpi::test::Laptop;

struct Refusal {
  std::vector<std::string> words;
  const char* says;
};

TEST(OtherWords, WordsOfOtherToolsAndOfTheOldScriptsAreTranslated) {
  Laptop laptop;
  for (const auto& [word, ours] :
       std::initializer_list<std::pair<const char*, const char*>>{{"transfer", "push"},
                                                                  {"./transfer.sh", "push"},
                                                                  {"download_file.sh", "pull"},
                                                                  {"broadcast", "push"},
                                                                  {"get_ip_address.sh", "ips"},
                                                                  {"login_master.sh", "login"},
                                                                  {"ExecuteCommandAllNodes", "exec-all"},
                                                                  {"./ExecuteCommandAllNodes.sh", "exec-all"},
                                                                  {"run_spread", "run spread"},
                                                                  {"run_spread.sh", "run spread"},
                                                                  {"sbatch", "run -d"},
                                                                  {"srun", "run"},
                                                                  {"squeue", "jobs"},
                                                                  {"scancel", "cancel"},
                                                                  {"sinfo", "nodes"},
                                                                  {"sky", "run"},
                                                                  {"ray", "run"},
                                                                  {"./transferFile.sh", "push"},
                                                                  {"run-spread.sh", "run spread"},
                                                                  {"bsub", "run -d"},
                                                                  {"sshmaster", "login"},
                                                                  {"addnode", "up --add N"},
                                                                  {"ping", "doctor"},
                                                                  {"pdsh", "exec"}}) {
    const auto said = laptop.refused({word});
    EXPECT_NE(said.find(std::string("did you mean ec2mpi ") + ours + "?"), std::string::npos) << said;
  }
}

TEST(OtherWords, TwoWordsOfOtherToolsAreTranslatedWhateverStandsBehindThem) {
  Laptop laptop;
  for (const auto& [words, ours] : std::initializer_list<Refusal>{
           {{"sky", "status"}, "'sky' is not a command; did you mean ec2mpi status?"},
           {{"sky", "exec", "c", "task.yaml"}, "did you mean ec2mpi run?"},
           {{"sky", "logs", "c", "1"}, "did you mean ec2mpi logs -f?"},
           {{"sky", "launch", "-n", "4"}, "did you mean ec2mpi up, then"},
           {{"ray", "up", "cluster.yaml"}, "did you mean ec2mpi up?"},
           {{"ray", "down"}, "did you mean ec2mpi down?"},
           {{"ray", "rsync-up", "a", "b"}, "did you mean ec2mpi push?"},
           {{"starcluster", "sshmaster", "c"}, "did you mean ec2mpi login?"},
           {{"ksh", "run_spread.sh"}, "did you mean ec2mpi run spread?"},
           {{"./transferFile.sh", "a", "b"}, "did you mean ec2mpi push?"}}) {
    const auto said = laptop.refused(words);
    EXPECT_NE(said.find(ours), std::string::npos) << said;
  }
}

TEST(OtherWords, OptionsOfOtherToolsAreTranslated) {
  Laptop laptop;
  for (const auto& [words, ours] : std::initializer_list<Refusal>{
           {{"run", "-hostfile", "hosts", "--", "a"},
            "has no option -hostfile; instead: ec2mpi run -w NODES"},
           {{"run", "-host", "node1", "--", "a"}, "ec2mpi run -w NODES"},
           {{"run", "--host", "node1,node2", "--", "a"}, "ec2mpi run -w NODES"},
           {{"run", "--hostfile=f", "--", "a"}, "ec2mpi run -w NODES"},
           {{"run", "-H", "a", "--", "a"}, "ec2mpi run -w NODES"},
           {{"run", "-machinefile", "a", "--", "a"}, "ec2mpi run -w NODES"},
           {{"run", "-f", "a", "--", "a"}, "ec2mpi run -w NODES"},
           {{"exec-all", "-h", "hosts", "true"}, "has no option -h; instead: ec2mpi exec-all -w NODES"},
           {{"exec-all", "-host", "true"}, "ec2mpi exec-all -w NODES"},
           {{"nodes", "-hx"}, "ec2mpi nodes has no option -hx"},
           {{"run", "-ppn", "2", "--", "a"}, "ec2mpi run --per-node N"},
           {{"run", "-npernode", "2", "--", "a"}, "ec2mpi run --per-node N"},
           {{"run", "-perhost", "2", "--", "a"}, "ec2mpi run --per-node N"},
           {{"run", "-wdir", "d", "--", "a"}, "ec2mpi run --workdir DIR"},
           {{"run", "-tag-output", "--", "a"}, "ec2mpi run --tag"},
           {{"run", "--oversubscribe", "--", "a"}, "ec2mpi run --slots N"},
           {{"run", "--bind-to", "core", "--", "a"}, "--mca hwloc_base_binding_policy POLICY"},
           {{"run", "-genv", "A", "1", "--", "a"}, "-x NAME=VALUE"},
           {{"run", "--ntasks=4", "--", "a"}, "ec2mpi run -np N"},
           {{"run", "--ntasks-per-node", "2", "--", "a"}, "ec2mpi run --per-node N"},
           {{"run", "--time=10", "--", "a"}, "ec2mpi run --timeout TIME"},
           {{"run", "--array=1-5", "--", "a"}, "--set seed=1..5"},
           {{"run", "--nodelist", "a", "--", "a"}, "ec2mpi run -w NODES"},
           {{"run", "--job-name", "a", "--", "a"}, "[jobs.NAME]"},
           {{"run", "--nodes=2", "--", "a"}, "--nodes names nodes, and is no number of them"},
           {{"run", "--nodes", "2", "--", "a"}, "-w 1-2 for the first two"},
           {{"cancel", "--signal=USR1", "a"}, "ec2mpi signal ID USR1"},
           {{"cancel", "-u", "me"}, "ec2mpi cancel --all"},
           {{"rm", "--all"}, "instead: ec2mpi rm --older DAYS"},
           {{"jobs", "-n", "3"}, "ec2mpi jobs, which lists the newest first"},
           {{"jobs", "-a"}, "ec2mpi jobs, which lists all"},
           {{"run", "-p", "debug", "--", "a"}, "if another tool's -p is meant: ec2mpi run without it"},
           {{"exec-all", "-X", "big", "true"}, "instead: ec2mpi exec-all -x @GROUP COMMAND"},
           {{"run", "--display-map", "--", "a"}, "ec2mpi run --explain -- PROGRAM"},
           {{"ips", "-w", "2"}, "ec2mpi nodes -w NODES --format '{address}'"},
           {{"ips", "--hostfile"}, "ec2mpi nodes, which has it"},
           {{"ips", "--private"}, "ec2mpi ips --address private"},
           {{"logs", "--tail", "5", "a"}, "ec2mpi logs -n N"},
           {{"up", "--instance-type", "c5n.large", "4"},
            "has no option --instance-type; instead: ec2mpi up COUNT --type"},
           {{"up", "--bogus", "c5n.large", "4"}, "ec2mpi up has no option --bogus"},
           {{"down", "-y"}, "ec2mpi down --yes"},
           {{"exec-all", "-L", "true"}, "instead: ec2mpi exec-all -b COMMAND"},
           {{"exec", "-w", "1", "--copy", "a"}, "ec2mpi push SRC... DST"},
           {{"exec-all", "-j", "4", "true"}, "ec2mpi exec-all -f N"},
           {{"push", "-avz", "a", "b"}, "keeps times and modes"},
           {{"push", "-z", "a", "b"}, "ec2mpi push -C"},
           {{"push", "--include", "x", "a", "b"}, "with the files to take"},
           {{"push", "-p", "f.txt", "d"},
            "if another tool's -p is meant: ec2mpi push SRC... DST, which keeps"},
           {{"push", "-u", "f.txt", "d"}, "which sends only what differs"}}) {
    const auto said = laptop.refused(words);
    EXPECT_NE(said.find(ours), std::string::npos) << said;
  }
}

TEST(OtherWords, ValuesAndTheWordsOfACommandAreNotTakenForOptionsOfOtherTools) {
  Laptop laptop(2);
  EXPECT_EQ(laptop.run_cli({"exec-all", "ls", "-host", "--bogus"}).code, 0);
  EXPECT_EQ(laptop.run_cli({"exec", "-w", "-1", "-u", "5", "ls", "-h", "x"}).code, 0);
  EXPECT_EQ(laptop.run_cli({"exec", "-h"}).code, 0);
  EXPECT_EQ(laptop.run_cli({"exec", "-help"}).code, 0);
  EXPECT_NE(laptop.refused({"run", "-np2", "--slots", "--host", "--", "a"}).find("--host"),
            std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::cli
