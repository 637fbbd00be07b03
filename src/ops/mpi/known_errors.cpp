// The texts are those of Open MPI 4 and 5, MPICH, ssh, Python and the shells, as they print them. A new text
// goes above those that may follow from it.

#include "src/ops/mpi/known_errors.hpp"

namespace ec2mpi::ops {

namespace {

using About = KnownError::About;

constexpr std::string_view kSetup = "ec2mpi setup";
constexpr std::string_view kNotReached =
    "the master does not reach {}; is it running, and still in the list?";
constexpr std::string_view kNoTrust = "the nodes do not let each other in by ssh";
constexpr std::string_view kNoSsh =
    "ssh does not start on the master: LD_LIBRARY_PATH of a start-up file (conda, modules) gives it other "
    "libraries";
constexpr std::string_view kShowSsh = "ec2mpi exec -w 1 'echo $LD_LIBRARY_PATH; ssh -V'";
constexpr std::string_view kOneMpi = "a node lacks this MPI, or has another version of it";
constexpr std::string_view kNotPushed =
    "{} is not on every node; if it is in another folder there: --workdir FOLDER; else copy it there first";
constexpr std::string_view kNoScript =
    "{}.py is not on every node; if it is in another folder there: --workdir FOLDER; else copy it there "
    "first";
constexpr std::string_view kNoFile =
    "a node has no {}: a file that is read has to be copied there, a folder that is written to has to be "
    "made";
constexpr std::string_view kOtherFolder =
    "a node has this MPI in another folder than the master, whose path mpirun starts its daemons by; this "
    "shows the folders";
constexpr std::string_view kShowFolders = "ec2mpi exec-all -b 'command -v mpirun'";
constexpr std::string_view kPush = "ec2mpi push FILE... ./";
constexpr std::string_view kFirewall =
    "the nodes do not reach each other's ports; their security group needs a rule: all traffic, source: the "
    "group itself";
constexpr std::string_view kBridge =
    "MPI took an interface that exists on each node apart (docker0, virbr0); this shows the one to allow";
constexpr std::string_view kShowInterfaces = "ec2mpi {where} 'ip -br address'";
constexpr std::string_view kOtherMpi = "mpi4py was built for another MPI than the mpirun that started it";
constexpr std::string_view kBinding = "there are more ranks than cores, and mpirun wants a core for each";
constexpr std::string_view kNoBinding = "mpirun --bind-to none ...";
constexpr std::string_view kMoreSlots =
    "more ranks than slots (run --spawn N leaves slots for ranks that a program spawns); in a script give "
    "mpirun the hostfile that ec2mpi wrote";
constexpr std::string_view kHostfile = "mpirun --hostfile \"$EC2MPI_HOSTFILE\" ...";
constexpr std::string_view kPythonMissing =
    "a script calls python, which is not there; on Debian and Ubuntu it is python3, in the first line of a "
    "program as well";
constexpr std::string_view kUsePython3 = "python3 ...";
constexpr std::string_view kLowLimit = "a limit of the nodes is too low for this number of ranks";
constexpr std::string_view kShowLimits = "ec2mpi exec-all 'ulimit -n; ulimit -u'";
constexpr std::string_view kDiskFull = "a node's disk is full";
constexpr std::string_view kShowDisks = "ec2mpi exec-all 'df -h / /tmp /dev/shm'";
constexpr std::string_view kLost = "a node or its connection was lost while the job ran";
constexpr std::string_view kLostNode =
    "{} or its connection was lost while the job ran; this shows when the node was booted";
constexpr std::string_view kShowBoot = "ec2mpi {where} 'uptime -s'";
constexpr std::string_view kNoCopies = "the kernel forbids ranks to read each other's memory";

/// Causes stand above their consequences, since an output may hold both.
constexpr KnownError kKnown[] = {
    // a daemon of mpirun's that could not begin
    {"Directory: *\n  Error:",
     "mpirun's daemon could not make {} on its node; this shows which, why, and the fix", kDoctor, "tmpdir",
     About::page},
    // ssh between the nodes
    {"Bad owner or permissions on *\n",
     "ssh refuses {}, for another user owns it or may write to it",
     "ec2mpi exec -w 1 'sudo chown \"$(id -un)\" ~/.ssh/config; chmod 600 ~/.ssh/config'",
     {},
     About::launch},
    {"Bad configuration option: *\n",
     "the configuration of ssh on the master has the unknown option {}",
     "ec2mpi exec -w 1 'ssh -G localhost'",
     {},
     About::launch},
    {"REMOTE HOST IDENTIFICATION HAS CHANGED",
     "a node remembers another machine's host key at this address (stopped instances give theirs back)",
     kSetup,
     {},
     About::launch},
    {"Host key verification failed",
     "the nodes do not know each other's host keys",
     kSetup,
     {},
     About::launch},
    {"*: Permission denied (publickey", kNoTrust, kSetup, {}, About::launch},
    {"connect to host * port 22: Connection refused", "no sshd answers on {}", kDoctor, "agent",
     About::launch},
    {"connect to host * port 22: Connection timed out", kNotReached, kDoctor, {}, About::launch},
    {"connect to host * port 22: No route to host", kNotReached, kDoctor, {}, About::launch},
    {"connect to host * port", kNotReached, kDoctor, "agent", About::launch},
    {"Could not resolve hostname *:", "the master does not know the name {}", kSetup, {}, About::launch},
    {"exchange_identification: ",
     "an sshd ended the connection before the login: it was asked by too many at once (MaxStartups), or "
     "refuses "
     "the master's address (/etc/hosts.deny)",
     kDoctor,
     {},
     About::launch},
    {"Cannot execute command-line and remote command",
     "RemoteCommand in the configuration of ssh on the master keeps ssh from starting commands",
     "ec2mpi exec -w 1 'grep -n RemoteCommand ~/.ssh/config /etc/ssh/ssh_config'",
     {},
     About::launch},
    {"ssh: error while loading shared libraries: *:", kNoSsh, kShowSsh, {}, About::launch},
    {"OpenSSL version mismatch", kNoSsh, kShowSsh, {}, About::launch},
    {"(required by ssh)", kNoSsh, kShowSsh, {}, About::launch},
    {"mpirun: error while loading shared libraries: *:",
     "mpirun does not find {} on the master; does a start-up file set LD_LIBRARY_PATH?",
     "ec2mpi exec -w 1 'echo $LD_LIBRARY_PATH; ldd $(command -v mpirun)'"},
    // the MPI itself
    {"orted: command not found", kOneMpi, kDoctor},
    {"prted: command not found", kOneMpi, kDoctor},
    {"/orted': No such file", kOtherFolder, kShowFolders},
    {"/prted': No such file", kOtherFolder, kShowFolders},
    {"/orted\u2019: No such file", kOtherFolder, kShowFolders},
    {"/prted\u2019: No such file", kOtherFolder, kShowFolders},
    {"orted: No such file", kOneMpi, kDoctor},
    {"prted: No such file", kOneMpi, kDoctor},
    {"hydra_pmi_proxy: No such file", kOneMpi, kDoctor},
    {"mpirun: command not found", "there is no mpirun in the PATH of a command over ssh", kSetup},
    {"mpirun: not found", "there is no mpirun in the PATH of a command over ssh", kSetup},
    {"attempt to run as root",
     "mpirun refuses root; log in as the image's user",
     "ec2mpi run -l ubuntu ...",
     {},
     About::page},
    {"detected a parse error in the hostfile",
     "the hostfile is not in Open MPI's form (Windows line ends?)",
     "sed -i 's/\\r$//' HOSTFILE",
     {},
     About::page},
    {"multiple definitions of the slot count", "the hostfile names a node twice", kHostfile, {}, About::page},
    {"All nodes which are allocated for this job are already filled",
     "the program spawns ranks, and no slot is free for them",
     "ec2mpi run --spawn N ...",
     {},
     About::page},
    {"not enough slots available", kMoreSlots, kHostfile, "rmaps", About::page},
    {"Your job failed to map", "mpirun found no way to place the ranks", kDoctor, "rmaps", About::page},
    {"ext3x_client.c", "the ranks do not agree with mpirun about PMIx", kDoctor, kAnySetting},
    {"A request was made to bind", kBinding, kNoBinding, {}, About::page},
    {"binding more processes than cpus", kBinding, kNoBinding, {}, About::page},
    {"  Value:      *\n  Message:    Unknown interface name",
     "{node} has no interface {}; leave that --mca out, for run names the network of the nodes itself; this "
     "shows the interfaces",
     kShowInterfaces, kAnySetting, About::page},
    {"An invalid value was given for btl_tcp_if_",
     "a --mca names no network of {node}; leave it out, for run names the network of the nodes itself; this "
     "shows the interfaces",
     kShowInterfaces, kAnySetting, About::page},
    {"mutually-exclusive MCA variables",
     "an interface is both included and excluded; leave those --mca out, for run names the network of the "
     "nodes itself; this shows the interfaces",
     kShowInterfaces, kAnySetting, About::page},
    {"  Value given: *\n", "{node} has no interface or network {}, which mpirun was told to use", kDoctor,
     kAnySetting, About::page},
    {"to be opened in the * framework", "Open MPI has no component for {} that works on {node}", kDoctor,
     kAnySetting, About::page},
    {"PML * cannot be selected", "MPI's component {} does not work on a node", kDoctor, kAnySetting},
    {"Component: *\n", "Open MPI has no component {} on {node}", kDoctor, kAnySetting, About::page},
    // the network
    {"unable to reach each other for", "two ranks found no way to each other; this shows what lies between",
     kDoctor, kAnySetting, About::page},
    {"connect() to *:",
     "{} refuses connections of MPI; look at its own firewall and the security group",
     kDoctor,
     {},
     About::connection},
    {"The system limit on number of", kLowLimit, kShowLimits},
    {"unable to complete a TCP connection", kFirewall, kDoctor, kAnySetting},
    {"failed to TCP connect to a peer",
     "a firewall lets no connections of MPI through, or the other rank had ended before; this shows a "
     "firewall",
     kDoctor, kAnySetting, About::page},
    {"cannot find a corresponding process entry", kBridge, kDoctor, kAnySetting},
    {"received unexpected process identifier", kBridge, kDoctor, kAnySetting},
    // the program; a page of mpirun's goes before the words of the ranks that did start
    {"Executable: *\nNode: ",
     "{} is missing on {node}, or may not be executed there (chmod +x, or python3 in front of it?)",
     kPush,
     {},
     About::page},
    {"Executable: *\n", "there is no {} in the PATH, or at that path, of {node}", kPush, {}, About::page},
    {"Working directory: *\n",
     "{node} cannot enter the folder {}: it is missing there, or its permissions forbid it; this shows which",
     "ec2mpi {where} 'ls -ld {}'",
     {},
     About::page},
    {"No module named 'mpi4py'", "mpi4py is missing on a node", kSetup},
    {"No module named mpi4py", "mpi4py is missing on a node", kSetup},
    {"EOFError: EOF when reading a line", "standard input is empty; let the program read a file", kPush},
    {"env: '*\\r': No such file", "a script has the line ends of Windows behind {}; this removes them",
     "sed -i 's/\\r$//' FILE"},
    {"^M: bad interpreter", "a script has the line ends of Windows; this removes them",
     "sed -i 's/\\r$//' FILE"},
    {"No module named 'encodings'",
     "python does not find its own modules; does a start-up file set PYTHONHOME?",
     "ec2mpi exec-all 'echo $PYTHONHOME'"},
    {"No module named '*'", "the Python module {} is missing on a node; this shows where",
     "ec2mpi exec-all 'python3 -c \"import {}\"'"},
    {"can't open file '*'", kNotPushed, kPush},
    {"[Errno 2] No such file or directory: '*.py'", kNoScript, kPush},
    {"[Errno 2] No such file or directory: '*'", kNoFile, kPush},
    {"python: command not found", kPythonMissing, kUsePython3},
    {"python: not found", kPythonMissing, kUsePython3},
    {"env: 'python': No such file", kPythonMissing, kUsePython3},
    {"env: \u2018python\u2019: No such file", kPythonMissing, kUsePython3},
    {"ec2mpi: * is a script with the line ends of Windows",
     "{} has the line ends of Windows; this removes them", "sed -i 's/\\r$//' {}"},
    {"ec2mpi: * is a folder", "{} is a folder and no program", "ec2mpi run ... -- {}/PROGRAM"},
    {"asks in its first line for *, which is not on the master",
     "the program asks in its first line for {}, which a node lacks", "ec2mpi exec-all 'ls -l {}'"},
    {"  Application name:  *\n  Error:             No such file",
     "{} is there, but not what starts it: the program in its first line (do its lines end as Windows writes "
     "them?), or the loader of the system that it was built for",
     "ec2mpi exec-all 'file -L {}; head -n 1 {} | od -c | head -n 4'",
     {},
     About::page},
    {"  Application name:  *\n  Error:             Permission denied",
     "{node} may not execute {}: it is a folder, or the program in its first line may not be executed",
     "ec2mpi exec-all 'ls -ld {}; head -n 1 {}'",
     {},
     About::page},
    {"could not access\nor execute",
     "the program is not on every node, or may not be executed there (chmod +x, or python3 in front of it?)",
     kPush,
     {},
     About::page},
    {"could not access or execute", "the program is not on every node, or may not be executed there", kPush},
    {"execvp error on file * (", kNotPushed, kPush},
    {"unable to change wdir", "the working directory is not on every node", kDoctor},
    {"version `GLIBC_", "the program was built on a newer system than the nodes'; build it on the master",
     "ec2mpi login"},
    {"error while loading shared libraries: *:",
     "{} is missing on a node, or LD_LIBRARY_PATH hides it; this shows all that is",
     "ec2mpi exec-all 'ldd $(command -v {program}) | grep not'"},
    {"Exec format error", "the program was built for another kind of processor, or lacks its #! line",
     "ec2mpi exec-all 'uname -m'"},
    {"suspicious MPI execution environment", kOtherMpi, kDoctor},
    {"No PMIx server was reachable", kOtherMpi, kDoctor},
    // what ran out
    {"No space left on device", kDiskFull, kShowDisks},
    {"exited on signal 9",
     "a rank was killed from outside, most likely because the memory ran out",
     "ec2mpi exec-all --sudo 'dmesg | grep -i \"out of memory\"'",
     {},
     About::page},
    {"Too many open files", kLowLimit, kShowLimits},
    {"process_vm_readv", kNoCopies, "ec2mpi run --mca btl_vader_single_copy_mechanism none ..."},
    {"Read -1, expected", kNoCopies, "ec2mpi run --mca btl_vader_single_copy_mechanism none ..."},
    // words of ssh, when it had been connected; mpirun says only that a daemon could not be started
    {"Connection to * closed by remote host", kLostNode, kShowBoot, {}, About::node},
    {"Timeout, server * not responding", kLostNode, kShowBoot, {}, About::node},
    // only what followed
    {"has lost communication with a remote daemon", kLost, kDoctor, {}, About::page},
    {"lost connection to", kLost, kDoctor},
    {"unable to reliably start one or more daemons", "mpirun could not start itself on all nodes", kDoctor,
     "agent", About::page},
};

}  // namespace

std::span<const KnownError> known_errors() {
  return kKnown;
}

}  // namespace ec2mpi::ops
