#include "ec2mpi/ops/mpi/hints.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

std::string hint(std::string_view output) {
  const auto found = hint_for(output, {.names = {{"10.0.0.13", "node3"}}});
  return found ? found->text() : "";
}

#define RULE "--------------------------------------------------------------------------\n"
#define PAGE_OF(text) RULE text "\n" RULE
#define PAGE PAGE_OF("ORTE was unable to reliably start one or more daemons.")

/// As the programs print them; the hint must hold the word that distinguishes it from others.
struct Case {
  const char* output;
  const char* says;
};
class KnownTexts : public testing::TestWithParam<Case> {};

TEST_P(KnownTexts, AreTranslated) {
  EXPECT_NE(hint(GetParam().output).find(GetParam().says), std::string::npos) << hint(GetParam().output);
}

INSTANTIATE_TEST_SUITE_P(
    Hints, KnownTexts,
    testing::Values(
        Case{"ssh: connect to host 10.0.0.13 port 22: Connection timed out\r", "does not reach node3"},
        Case{"ssh: connect to host 10.9.9.9 port 22: No route to host\n" PAGE, "does not reach 10.9.9.9"},
        Case{"ssh: connect to host 10.0.0.13 port 22: Connection refused", "no sshd answers on node3"},
        Case{PAGE_OF("Host key verification failed.\nORTE was unable to reliably start one or more daemons."),
             "host keys: ec2mpi setup"},
        Case{"@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification "
             "failed.\n" PAGE,
             "another machine's host key"},
        Case{"ubuntu@10.0.0.13: Permission denied (publickey).", "ec2mpi setup"},
        Case{"bash: line 1: orted: command not found\n", "another version"},
        Case{"env: '/opt/ompi/bin/orted': No such file or directory\n" PAGE, "in another folder"},
        Case{PAGE_OF("  Message:    connect() to 10.0.0.13:1024 failed\n  Error:      Connection refused "
                     "(111)\n"
                     "mpirun has exited due to process rank 1 with PID 1672 on\nnode 10.0.0.13 exiting "
                     "improperly."),
             "node3 refuses connections of MPI"},
        Case{"A process or daemon was unable to complete a TCP connection\nto another process:",
             "all traffic"},
        Case{"[ip-10-0-0-11:1] [[1,0],0] ORTE_ERROR_LOG: The system limit on number of network connections a "
             "process can open was reached in file oob_tcp_component.c at line 345\n"
             "A process or daemon was unable to complete a TCP connection\nto another process:",
             "ulimit -n"},
        Case{"but cannot find a corresponding process entry for that peer.", "docker0"},
        Case{PAGE_OF("There are not enough slots available in the system to satisfy the 4\nslots"),
             "EC2MPI_HOSTFILE"},
        Case{"python3: can't open file '/home/ubuntu/a b.py': [Errno 2] No such file or directory",
             "/home/ubuntu/a b.py is not on every node"},
        Case{"FileNotFoundError: [Errno 2] No such file or directory: '/home/ubuntu/nowhere.py'",
             "/home/ubuntu/nowhere.py is not on every node"},
        Case{"FileNotFoundError: [Errno 2] No such file or directory: 'data/x.csv'",
             "a node has no data/x.csv: a file that is read"},
        Case{"ModuleNotFoundError: No module named 'mpi4py'", "ec2mpi setup"},
        Case{"ModuleNotFoundError: No module named 'numpy.linalg'", "'python3 -c \"import numpy.linalg\"'"},
        Case{"./ring: error while loading shared libraries: libfoo.so.4: cannot open shared object file",
             "libfoo.so.4 is missing on a node, or LD_LIBRARY_PATH hides it; this shows all that is: ec2mpi "
             "exec-all "
             "'ldd $(command -v ./ring) | grep not'"},
        Case{"[1,2]<stderr>:./ring: error while loading shared libraries: libfoo.so.4: cannot open",
             "command -v ./ring)"},
        Case{PAGE_OF("ssh: error while loading shared libraries: libcrypto.so.3: file too short\nORTE was "
                     "unable to "
                     "reliably start one or more daemons."),
             "ssh does not start on the master"},
        Case{"OpenSSL version mismatch. Built against 30000020, you have 10101060\n" PAGE,
             "ssh does not start on the master"},
        Case{
            "mpirun: error while loading shared libraries: libopen-rte.so.40: cannot open shared object file",
            "mpirun does not find libopen-rte.so.40 on the master"},
        Case{"ssh_exchange_identification: read: Connection reset by peer\r\n" PAGE, "/etc/hosts.deny"},
        Case{"kex_exchange_identification: Connection closed by remote host\r\n" PAGE, "/etc/hosts.deny"},
        Case{"Cannot execute command-line and remote command.\r\n" PAGE, "RemoteCommand"},
        Case{"execvp error on file ./ring (No such file or directory)", "./ring is not on every node"},
        Case{PAGE_OF("mpirun noticed that process rank 3 with PID 0 on node b exited on signal 9 (Killed)."),
             "memory"},
        Case{PAGE_OF("mpirun has detected an attempt to run as root."), "-l ubuntu"},
        Case{PAGE_OF("Bad owner or permissions on /home/ubuntu/.ssh/config\r\nORTE was unable to reliably "
                     "start one "
                     "or more "
                     "daemons.\n* the inability to write startup files into /tmp"),
             "ssh refuses /home/ubuntu/.ssh/config, for"},
        Case{PAGE_OF("All nodes which are allocated for this job are already filled."),
             "ec2mpi run --spawn N"},
        Case{"/home/ubuntu/my-venv/bin/python: No module named mpi4py\n",
             "ec2mpi exec-all '/home/ubuntu/my-venv/bin/python -m pip install mpi4py'"},
        Case{"/usr/bin/python3: No module named mpi4py\n", "ec2mpi setup"},
        Case{"./job.sh: line 3: python: command not found\n", "it is python3"},
        Case{"/usr/bin/env: \u2018python\u2019: No such file or directory", "it is python3"},
        Case{PAGE_OF("It appears as if there is not enough space for /dev/shm/vader_segment.h3.1000.1 (the "
                     "shared-memory backing\nfile).\n\n  Local host:  10.0.0.13\n"),
             "the file system of /dev/shm on node3 is full: ec2mpi exec -w 3 'df -h /dev/shm"},
        Case{PAGE_OF("  Directory: /tmp/ompi.x.1/pid.1\n  Error:     No space left on device\n"),
             "the file system of /tmp on a node is full: ec2mpi exec-all 'df -h /tmp"},
        Case{PAGE_OF("ec2mpi: OMPI_MCA_pml sets pml to ucx; ec2mpi's own is left out (ob1)\nNo components "
                     "were able "
                     "to "
                     "be opened in the pml framework.\n"),
             "no component for pml that works on a node, and OMPI_MCA_pml sets pml, which may be why"},
        Case{
            PAGE_OF(
                "ec2mpi: /h/.bashrc:3:OMPI_MCA_btl_tcp_if_include sets btl_tcp_if_include to lo; ec2mpi's "
                "own\n"
                "At least one pair of MPI processes are unable to reach each other for\nMPI communications."),
            "/h/.bashrc:3:OMPI_MCA_btl_tcp_if_include sets btl_tcp_if_include, which may be why"},
        Case{PAGE_OF("ec2mpi: OMPI_MCA_btl_tcp_if_include sets btl_tcp_if_include to eth9; ec2mpi's own\n  "
                     "Local host: "
                     "10.0.0.13\n  Value:      eth9\n  Message:    Unknown interface name\n"),
             "node3 has no interface eth9, and OMPI_MCA_btl_tcp_if_include sets btl_tcp_if_include, which "
             "may be why; "
             "this shows it: ec2mpi doctor"},
        // doctor does not judge these
        Case{
            PAGE_OF(
                "ec2mpi: /h/.openmpi/mca-params.conf:7 sets btl to ^tcp\n"
                "At least one pair of MPI processes are unable to reach each other for\nMPI communications."),
            "mca-params.conf:7 sets btl, which may be why; this shows it: ec2mpi exec -w 1 'sed -n 7p "
            "/h/.openmpi/mca-params.conf'"},
        Case{PAGE_OF("ec2mpi: /h/m.conf:1 sets btl to self\nec2mpi: node2:/h/m.conf:3 sets orte_tmpdir_base "
                     "to /no, "
                     "unlike the master\n  Directory: /no\n  Error:     No such file or directory\n"),
             "node2:/h/m.conf:3 sets orte_tmpdir_base, which may be why; this shows the line: ec2mpi exec -w "
             "2 "
             "'sed -n 3p /h/m.conf'"},
        Case{"ec2mpi: /h/m.conf:1 sets plm_rsh_agent to ssh -p 99\nssh: connect to host 10.0.0.13 port 99: "
             "Connection refused\n",
             "/h/m.conf:1 sets plm_rsh_agent, which may be why"},
        Case{"ec2mpi: /h/m.conf:1 sets btl to self\nssh: connect to host 10.0.0.13 port 99: Connection "
             "refused\n",
             "the master does not reach node3"},
        Case{PAGE_OF("ec2mpi: /h/m.conf:1 sets rmaps_base_no_schedule_local to 1\nThere are not enough slots "
                     "available "
                     "in the system\n"),
             "sets rmaps_base_no_schedule_local, which may be why"},
        Case{PAGE_OF(
                 "ec2mpi: /h/m.conf:1 sets rmaps to rank_file\nYour job failed to map. Either no mapper\n"),
             "sets rmaps, which may be why"},
        Case{"ModuleNotFoundError: No module named 'encodings'\n", "PYTHONHOME"},
        Case{"ec2mpi: OMPI_MCA_ess sets ess to singleton\n", "OMPI_MCA_ess sets ess, with which"},
        Case{PAGE_OF("Framework: rmaps\nComponent: nosuch\n"),
             "Open MPI has no component nosuch on a node: ec2mpi doctor"},
        Case{"/usr/bin/env: 'python3\\r': No such file or directory", "sed -i"},
        Case{PAGE_OF(
                 "WARNING: Open MPI failed to TCP connect to a peer MPI process.\n  Message:    connect() to "
                 "10.0.0.13:1024 failed\n  Error:      No route to host (113)"),
             "node3 refuses connections of MPI"},
        Case{PAGE_OF("Working directory: /home/ubuntu/proj\nNode: 10.0.0.13\n"),
             "node3 cannot enter the folder /home/ubuntu/proj: it is missing there, or its permissions "
             "forbid it; this "
             "shows which: ec2mpi exec -w 3 'ls -ld /home/ubuntu/proj'"},
        Case{PAGE_OF("Working directory: /home/ubuntu/proj\n"),
             "a node cannot enter the folder /home/ubuntu/proj: it is missing there, or its permissions "
             "forbid it; "
             "this shows which: ec2mpi exec-all 'ls -ld /home/ubuntu/proj'"},
        Case{PAGE_OF("could not access\nor execute an executable:\n\nExecutable: ./t\nNode: 10.0.0.13\n"),
             "./t is missing on node3, or may not be executed there"},
        Case{PAGE_OF(
                 "unable to find the specified executable file\nNode:       10.0.0.13\nExecutable: nosuch\n"),
             "there is no nosuch in the PATH, or at that path, of node3"},
        Case{PAGE_OF("Node: elsewhere\n") PAGE_OF("Executable: nosuch\n"), "or at that path, of a node: "},
        Case{PAGE_OF("WARNING: An invalid value was given for btl_tcp_if_include.  This\nvalue will be "
                     "ignored.\n\n  "
                     "Local host: 10.0.0.13\n  Value:      eth9\n  Message:    Unknown interface name\n"),
             "node3 has no interface eth9; leave that --mca out, for run names the network of the nodes "
             "itself; this "
             "shows the interfaces: ec2mpi exec -w 3 'ip -br address'"},
        Case{PAGE_OF("mutually-exclusive MCA variables were specified.\n"), "leave those --mca out"},
        Case{PAGE_OF("Host:      10.0.0.13\nFramework: pml\nComponent: nosuch\n"),
             "no component nosuch on node3: "},
        Case{"[10.0.0.13:00796] PMIX ERROR: OUT-OF-RESOURCE in file "
             "../../../../../../src/mca/common/dstore/dstore_segment.c at line 208\n",
             "node3 has no space left for Open MPI's temporary files"},
        Case{"EOFError: EOF when reading a line\n", "standard input is empty"},
        Case{"OSError: [Errno 28] No space left on device", "df -h"}));

TEST(Hints, NameAFirewallOnlyIfTheErrorOfConnectSaysIt) {
  const auto page = [](const std::string& error) {
    return RULE
           "WARNING: Open MPI failed to TCP connect to a peer MPI process.\n  Message:    connect() to "
           "10.0.0.13:1024 failed\n  Error:      " +
           error + "\n" RULE;
  };
  const std::string ended = "or the other rank had ended before";
  EXPECT_NE(hint(page("Operation now in progress (115)")).find(ended), std::string::npos);
  EXPECT_NE(hint(page("Connection timed out (110)")).find("node3 refuses"), std::string::npos);
  for (const auto* failed : {"node3", "10.0.0.13"}) {
    const auto found = hint_for(page("Connection refused (111)"),
                                {.names = {{"10.0.0.13", "node3"}}, .failed_host = failed});
    EXPECT_NE(found->text().find(ended), std::string::npos) << found->text();
  }
}

TEST(Hints, StayAwayFromWhatIsNotKnown) {
  EXPECT_EQ(hint(""), "");
  EXPECT_EQ(hint("epoch 3 loss 0.25\nTraceback (most recent call last):\nValueError: x\n"), "");
  EXPECT_EQ(hint("connect to host"), "");
  EXPECT_EQ(hint("see: PMIX ERROR: OUT-OF-RESOURCE in file dstore_segment.c at line 208\n"), "");
  EXPECT_EQ(hint("[h:1] PMIX ERROR: OUT-OF-RESOURCE in file gds_hash.c at line 2\n"), "");
}

TEST(Hints, AreNotGivenForSshAndSocketsOfTheUsersProgram) {
  for (const auto* output :
       {"git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.\n",
        "Host key verification failed.\nfatal: Could not read from remote repository.\n",
        "ssh: Could not resolve hostname github.com: Temporary failure in name resolution\n",
        "rsync: connect to host backup port 22: Connection timed out\n",
        "kex_exchange_identification: read: Connection reset by peer\n",
        "Connection to github.com closed by remote host.\r\n",
        "psycopg2.OperationalError: connect() to 10.9.9.9:5432 failed: Connection refused\n"})
    EXPECT_EQ(hint(output), "");
}

TEST(Hints, DoNotTakeAGuessOfOpenMpisGeneralPageForTheCause) {
  const auto found = hint("ssh: something new\n" PAGE_OF(
      "ORTE was unable to reliably start one or more daemons.\nThis usually is caused "
      "by:\n* the inability to write startup files into /tmp (--tmpdir/orte_tmpdir_base)."));
  EXPECT_EQ(found.find("/tmp"), std::string::npos) << found;
}

TEST(Hints, OfANodeThatIsLostWhileRanksRunNameIt) {
  for (const std::string said : {"Connection to 10.0.0.13 closed by remote host.\r\n",
                                 "Timeout, server 10.0.0.13 not responding.\r\n"})
    EXPECT_EQ(
        hint("step 3\n" + said + PAGE),
        "node3 or its connection was lost while the job ran; this shows when the node was booted: ec2mpi "
        "exec -w 3 'uptime -s'");
}

TEST(Hints, TheCauseComesBeforeWhatFollows) {
  EXPECT_NE(
      hint(PAGE_OF("ORTE has lost communication with a remote daemon.") "bash: orted: command not found")
          .find("lacks this MPI"),
      std::string::npos);
}

/// A program that prints such words explains nothing, whether it prints dashes of its own or not.
TEST(Hints, TakeTheWordsOfOpenMpiOnlyFromItsPages) {
  constexpr const char* kSlots = "There are not enough slots available in the system\n";
  constexpr const char* kEnd =
      PAGE_OF("mpirun detected that one or more processes exited with non-zero status");
  EXPECT_EQ(hint(kSlots), "");
  EXPECT_EQ(hint(std::string(kSlots) + kEnd), "");
  EXPECT_EQ(hint(kEnd + std::string(kSlots) + kEnd), "");
  EXPECT_EQ(hint("a table of the user's\n" RULE + std::string(kSlots) + kEnd), "");
  EXPECT_NE(hint(RULE + std::string(kSlots) + RULE + kEnd), "");
  // The beginning of the output is cut off, or ranks are tagged.
  EXPECT_NE(hint("the end of a page\n" RULE RULE + std::string(kSlots) + RULE), "");
  EXPECT_NE(hint("[1,0]<stderr>:" RULE "[1,0]<stderr>:" + std::string(kSlots) + "[1,0]<stderr>:" RULE), "");
  EXPECT_EQ(hint("exited on signal 9\nDirectory: /x\n  Error: y\nWorking directory: /z\nComponent: c\n"), "");
  // One line of a failure shows no page.
  EXPECT_TRUE(hint_for(kSlots, {.whole = false}));
}

/// As Open MPI and MPICH print it, and the supervisor on the master behind them.
TEST(Hints, OfAFileThatDoesNotStartNameItsFirstLine) {
#define NOT_EXECUTED(error)                                                                  \
  PAGE_OF(                                                                                   \
      "Open MPI tried to fork a new process via the \"execve\" system call but\nfailed.\n\n" \
      "  Local host:        h1\n  Working dir:       /h\n  Application name:  k/it\n"        \
      "  Error:             " error)
  EXPECT_EQ(hint(NOT_EXECUTED(
                "No such file or directory") "ec2mpi: k/it is a script with the line ends of Windows\n"),
            "k/it has the line ends of Windows; this removes them: sed -i 's/\\r$//' k/it");
  EXPECT_EQ(hint(NOT_EXECUTED("No such file or directory") "ec2mpi: k/it asks in its first line for "
                                                           "/no/such, which is not on the master\n"),
            "the program asks in its first line for /no/such, which a node lacks: ec2mpi exec-all 'ls -l "
            "/no/such'");
  EXPECT_EQ(hint("execvp error on file k/it (Permission denied)\nec2mpi: k/it is a folder\n"),
            "k/it is a folder and no program: ec2mpi run ... -- k/it/PROGRAM");
  EXPECT_EQ(hint("execvp error on file k/it/ (Permission denied)\nec2mpi: k/it/ is a folder\n"),
            "k/it/ is a folder and no program: ec2mpi run ... -- k/it/PROGRAM");
  EXPECT_NE(hint(NOT_EXECUTED("No such file or directory")).find("the program in its first line"),
            std::string::npos);
  EXPECT_NE(hint(NOT_EXECUTED("Permission denied")).find("it is a folder, or"), std::string::npos);
}

/// The folder may be in the home of another user there, and a push goes to the home of the login user.
TEST(Hints, DoNotAdviseAPushForAWorkingFolderThatIsMissing) {
  const auto hint = hint_for(PAGE_OF("Working directory: /home/ubuntu/proj\n  Node: 10.0.0.13"));
  ASSERT_TRUE(hint);
  EXPECT_EQ(hint->text().find("push"), std::string::npos) << hint->text();
}

TEST(Hints, NeverCarryShellTextOfTheOutput) {
  EXPECT_EQ(hint("No module named 'a\"; rm -rf ~; \"'"), "");
  EXPECT_EQ(hint("can't open file '\x1b[31mx'").find('\x1b'), std::string::npos);
}

/// setup installs mpi4py for the python of the system, and changes no other one.
TEST(Hints, OfAPythonOfTheUsersOwnDoNotAdviseSetup) {
  constexpr const char* kMissing = "ModuleNotFoundError: No module named 'mpi4py'\n";
  const auto own = hint_for(kMissing, {.program = "/home/u/venv/bin/python"});
  ASSERT_TRUE(own);
  EXPECT_EQ(own->command, "ec2mpi exec-all '/home/u/venv/bin/python -m pip install mpi4py'");
  for (const char* program : {"python3", "/usr/bin/python3", "/home/u/train", ""})
    EXPECT_EQ(hint_for(kMissing, {.program = program})->command, "ec2mpi setup") << program;
}

/// Those of other nodes may print that they lack a module.
TEST(Hints, OfAPythonThatIsMissingOnANodeIsNotAboutItsModules) {
  for (const char* says :
       {"/home/u/venv/bin/python: No module named mpi4py\n", "No module named 'mpi4py'\n"}) {
    const auto hint =
        hint_for(says + std::string(PAGE_OF("could not access\nor execute an executable:\n\nExecutable: "
                                            "venv/bin/python\nNode: 10.0.0.14\n")),
                 {.names = {{"10.0.0.14", "node4"}}, .program = "venv/bin/python"});
    ASSERT_TRUE(hint);
    EXPECT_NE(hint->cause.find("venv/bin/python is missing on node4"), std::string::npos) << hint->cause;
  }
}

TEST(Hints, ASettingThatIsFollowedIsNotBlamedForWhatItCannotCause) {
  const std::string note =
      "ec2mpi: OMPI_MCA_btl_tcp_if_exclude sets btl_tcp_if_exclude to docker0; ec2mpi's x\n";
  EXPECT_EQ(hint(note + "Traceback\nValueError: x\n"), "");
  EXPECT_EQ(hint(note + "ModuleNotFoundError: No module named 'numpy'").find("OMPI_MCA"), std::string::npos);
  EXPECT_EQ(hint("ec2mpi: OMPI_MCA_plm sets plm to slurm, which is not used: ec2mpi starts the daemons\n"),
            "");
}

TEST(Hints, OfAnUnknownPythonDoNotPromiseAPython3) {
  constexpr const char* kPage = PAGE_OF("unable to find the specified executable file\nExecutable: python");
  EXPECT_EQ(hint_for(kPage, {.python3 = true})->command, "ec2mpi run ... -- python3 ...");
  EXPECT_EQ(hint_for(kPage)->command.find("python3"), std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::ops
