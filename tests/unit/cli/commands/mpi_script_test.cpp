// How `ec2mpi init` reads scripts that start mpirun.

#include "src/cli/commands/mpi_script.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cli {
namespace {

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
           {"for i in $X\ndo\n", "line 1: only a shell knows the value of $X"},
           {"for i in 1 2\ndo\nmpirun a $i\n", "a loop has no end"},
           {"for i in 1 2; do mpirun a '{'$i; done\n", "braces in its command"},
           {"while read L\ndo\nA+=($L)\ndone < other\nmpirun a\n", "line 4: while is for a shell"},
           {"A=($(cat nodeIPaddress))\nmpirun -np 2 a ${A[0]}\n", "its program gets the addresses"},
           {"A=(a b)\nmpirun -np 2 a\n", "line 1: '(' is for a shell"},
           {"\nmpirun a | tee log\n", "line 2: '|' is for a shell"},
           {"mpirun a &\n", "'&' is for a shell"},
           {"mpirun a `date`\n", "'`' is for a shell"},
           {"mpirun a \"`date`\"\n", "'`' is for a shell"},
           {"mpirun a $(date)\n", "only a shell knows"},
           {"mpirun a $1 --b $2\n", "line 1: only a shell knows the value of $1"},
           {"mpirun a ${X:-1} b\n", "only a shell knows the value of ${X:-1}"},
           {"mpirun a \x01\n", "control characters"},
           {"mpirun a *.txt\n", "'*' is for a shell"},
           {"mpirun a ~/b\n", "'~' is for a shell"},
           {"mpirun a 'b\nc'\n", "a quotation goes over several lines"},
           {"mpirun a\nmpirun b\n", "line 2: it starts mpirun twice"},
           {"mpirun --odd a\n", "mpirun's --odd is not known here"},
           {"mpirun -np x a\n", "-np x is not a number of ranks"},
           {"mpirun -np 3\n", "mpirun has no program"},
           {"exit 0\nmpirun a\n", "exit is neither"},
           {"mpirun a\ncd b\n", "line 2: cd stands behind mpirun"},
           {"cd a\ncd b\nmpirun a\n", "line 2: it changes the folder twice"},
           {"mpirun --map-by ppr:2:socket a\n", "only mpirun knows the ranks"},
           {"python3 a.py\n", "python3 is neither mpirun nor cd"}}) {
    const auto job = read_mpi_script(script);
    ASSERT_FALSE(job) << script;
    EXPECT_EQ(job.error().message.find("--b"), std::string::npos) << job.error().message;
    EXPECT_NE(job.error().message.find(why), std::string::npos) << job.error().message;
  }
}

/// The job of a script, in one line; its error if it is none.
std::string job_of(const std::string& script) {
  const auto job = read_mpi_script(script);
  if (!job) return job.error().message;
  auto text = "np " + job->np + " per_node " + job->per_node + " in " + job->workdir + ":";
  for (const auto& [name, value] : job->env) text += " " + name + "=" + value;
  for (const auto& word : job->command) text += " " + word;
  for (const auto& flag : job->flags) text += " [" + flag + "]";
  for (const auto& each : job->left_out) text += " (" + each + ")";
  for (const auto& [name, values] : job->sweep)
    for (const auto& value : values) text += " " + name + "=" + value;
  return text;
}

TEST(MpiScript, OfTheTutorialBecomesAJobHoweverItReadsTheNodes) {
  const std::string reads =
      "#!/usr/bin/ksh\nARRAY=()\nwhile read LINE\ndo\n    ARRAY+=(\"$LINE\")\ndone < nodeIPaddress\n";
  EXPECT_EQ(
      job_of(reads + "mpirun --host ${ARRAY[0]},${ARRAY[1]},${ARRAY[2]} -n 3 python3 train_darl1n.py\n"),
      "np 3 per_node  in : python3 train_darl1n.py (--host nodeIPaddress,nodeIPaddress,nodeIPaddress)");
  EXPECT_EQ(job_of("i=1\nfilename='nodeIPaddress'\nwhile IFS= read -r line; do\necho "
                   "$line\nHOSTS+=($line)\n((i=i+1))\n"
                   "done < $filename\nmpirun -H ${HOSTS[0]} -np 2 ./a\n"),
            "np 2 per_node  in : ./a (-H nodeIPaddress)");
  for (const char* ways : {"A=($(cat nodeIPaddress))\nN=${#A[@]}\n",
                           "mapfile -t A < nodeIPaddress\nN=$(wc -l < nodeIPaddress)\n",
                           "A=`paste -sd, nodeIPaddress`\nN=`cat nodeIPaddress | wc -l`\n"})
    EXPECT_EQ(job_of(std::string(ways) + "mpirun --host \"$A\" -n $N ./a # all\n"),
              "np  per_node 1 in : ./a (--host nodeIPaddress)")
        << ways;
  EXPECT_EQ(job_of("mpirun --host $(paste -sd, nodeIPaddress) ./a"),
            "np  per_node 1 in : ./a (--host nodeIPaddress)");
}

TEST(MpiScript, LoopsBecomeSweeps) {
  EXPECT_EQ(job_of("for n in 3 6 12; do mpirun -np $n ./a --agents=$n; done"),
            "np {n} per_node  in : ./a --agents={n} n=3 n=6 n=12");
  EXPECT_EQ(
      job_of("for np in 1 2\ndo\nfor seed in $(seq 8 9)\ndo\nS=$seed\nmpirun -np $np ./a $S\ndone\ndone\n"),
      "np {n_np} per_node  in : ./a {seed} n_np=1 n_np=2 seed=8 seed=9");
  EXPECT_EQ(job_of("for i in {1..2}; do echo $i; done\nmpirun -np 2 ./a"), "np 2 per_node  in : ./a");
  for (const auto& [range, values] :
       std::initializer_list<std::pair<std::string, const char*>>{{"$(seq 10 10 35)", "n=10 n=20 n=30"},
                                                                  {"$(seq 2)", "n=1 n=2"},
                                                                  {"{1..9..4}", "n=1 n=5 n=9"},
                                                                  {"{4..4}", "n=4"}})
    EXPECT_EQ(job_of("for n in " + range + "; do mpirun -np 2 ./a $n; done"),
              std::string("np 2 per_node  in : ./a {n} ") + values);
  for (const char* other :
       {"$(seq 1 0 3)", "$(seq 3 -1 1)", "{1..3..1..1}", "{1...3}", "$(seq 08 10)", "$(seq 1 9999)"})
    EXPECT_EQ(job_of(std::string("for n in ") + other + "; do mpirun -np 2 ./a $n; done").find("n=1"),
              std::string::npos)
        << other;
}

TEST(MpiScript, VariablesOutsideOfQuotesAreSplitAsAShellDoes) {
  for (const auto& [script, job] : std::initializer_list<std::pair<const char*, const char*>>{
           {"AGENTS=\"3 6\"\nfor n in $AGENTS; do\nmpirun -n $n ./a --n $n\ndone",
            "np {n} per_node  in : ./a --n {n} n=3 n=6"},
           {"A='x  y'\nB=$A\nexport C=$A\nmpirun -n 2 ./a \"$B\" C=$C",
            "np 2 per_node  in : C=x  y ./a x  y C=x y"},
           {"MPI='-n 4'\nmpirun $MPI ./a", "np 4 per_node  in : ./a"},
           {"for a in 'c d'; do mpirun -n 2 ./a \"$a\"; done", "np 2 per_node  in : ./a {a} a=c d"},
           {"for a in 'c d'; do mpirun -n 2 ./a $a; done",
            "line 1: only a shell knows the words of $a; in quotes, \"$a\", it is one word"},
           {"for a in '' b; do\nB=$a\nmpirun -n 2 ./a -$B; done",
            "line 3: only a shell knows the words of $B; in quotes, \"$B\", it is one word"},
           {"IFS=,\nA=b,c\nmpirun -n 2 ./a $A",
            "line 3: only a shell knows the words of $A; in quotes, \"$A\", it is one word"},
           {"A='*.txt'\nmpirun -n 2 ./a $A", "line 2: '*' is for a shell"},
           {"for n in {3,6}; do mpirun -n $n ./a; done", "line 1: this for is for a shell"},
           {"for n in {1..3}x; do mpirun -n 2 ./a $n; done", "line 1: this for is for a shell"}})
    EXPECT_EQ(job_of(script), job);
  const auto job = read_mpi_script("O='--lr 0.1'\nE=\nmpirun ./a $O x${O}y $E \"$E\" -$E.");
  ASSERT_TRUE(job) << job.error().message;
  EXPECT_EQ(job->command, (Words{"./a", "--lr", "0.1", "x--lr", "0.1y", "", "-."}));
}

TEST(MpiScript, OptionsOfMpirunBecomeSettingsOrFlagsAndNoneIsLost) {
  for (const auto& [script, job] : std::initializer_list<std::pair<const char*, const char*>>{
           {"mpirun --map-by ppr:2:node ./a", "np  per_node 2 in : ./a"},
           {"mpirun -np4 --map-by socket --bind-to core ./a",
            "np 4 per_node  in : ./a [--map-by socket] [--mca hwloc_base_binding_policy core]"},
           {"mpirun -n 2 --mca btl self,tcp --use-hwthread-cpus ./a",
            "np 2 per_node  in : ./a [--mca btl self,tcp] [--slots threads]"},
           {"mpirun -n 2 --tag-output --report-bindings ./a",
            "np 2 per_node  in : ./a [--tag] [--mca hwloc_base_report_bindings 1]"},
           {"cd /d\nmpirun -n 2 -wdir sub --oversubscribe ./a",
            "np 2 per_node  in /d/sub: ./a (--oversubscribe)"},
           {"mpirun -x LD_LIBRARY_PATH -n 2 ./a", "np 2 per_node  in : ./a (-x LD_LIBRARY_PATH)"},
           {"OMP_NUM_THREADS=2 mpirun -n 2 ./a\nexit 0\nlast words",
            "np 2 per_node  in : OMP_NUM_THREADS=2 ./a"},
           {"time nohup orterun -n 2 ./a", "np 2 per_node  in : ./a"},
           {"cd \"$(dirname \"$0\")\"\nexec mpirun.openmpi -n 2 ./a",
            "np 2 per_node  in : ./a (cd \"$(dirname \"$0\")\")"},
           {"\xef\xbb\xbf#!/bin/bash\r\nmpiexec.hydra -ppn 2 -genv A 1 ./a\r\n",
            "np  per_node 2 in : A=1 ./a"}})
    EXPECT_EQ(job_of(script), job);
}

TEST(MpiScript, CountsTheHostsThatTheTutorialsLoopsChoose) {
  const std::string reads =
      "#!/usr/bin/ksh\nARRAY=()\nhost=\"\"\nk=0\nwhile read LINE\ndo\n    ARRAY+=(\"$LINE\")\n    ((k=k+1))\n"
      "done < nodeIPaddress\nsleep 1\necho \"Spread\"\n# mpirun --odd \\\nhost=\"${ARRAY[1]}\"\n";
  const std::string runs =
      "do\n  host=\"${host},${ARRAY[i]}\"\ndone\nmpirun --host $host \\\npython3 -m train \\\n  "
      "--seed=1\\\n\n";
  EXPECT_EQ(job_of(reads + "for((i=2;i<=7;i++))\n" + runs),
            "np 7 per_node  in : python3 -m train --seed=1 (--host nodeIPaddress,...)");
  EXPECT_EQ(job_of(reads + "for (( i=2; i<=k; i++ ))\n" + runs),
            "np  per_node 1 in : python3 -m train --seed=1 (--host nodeIPaddress)");
  EXPECT_EQ(job_of("for((s=1;s<4;s++)); do mpirun -np 2 ./a $s; done"),
            "np 2 per_node  in : ./a {s} s=1 s=2 s=3");
  for (const char* odd :
       {"for((i=9;i>0;i--))\n", "for((i=1;i<=x;i++))\n", "for((;;))\n", "for((i=5;i<5;i++))\n"})
    EXPECT_NE(job_of(reads + odd + runs).find("this for is for a shell"), std::string::npos) << odd;
}

TEST(MpiScript, AWordGoesOnInTheNextLineAsInAShell) {
  EXPECT_EQ(job_of("mpirun -np 2 ./a --x=1\\\n2 \\\n  b\n"), "np 2 per_node  in : ./a --x=12 b");
}

TEST(MpiScript, WhoseNumberOfRanksOnlyMpirunKnowsIsRefused) {
  for (const auto* line : {"mpirun -np 1 ./a : -np 2 ./b", "mpirun --host a,b ./x"})
    EXPECT_FALSE(read_mpi_script(line)) << line;
  EXPECT_TRUE(read_mpi_script("mpirun --host a,b -np 2 ./x"));
}

}  // namespace
}  // namespace ec2mpi::cli
