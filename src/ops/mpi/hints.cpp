#include "ec2mpi/ops/mpi/hints.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/mpi/command.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::size_t kLongestWord = 120;

/// Programs of the user print words of ssh and of sockets, too (git, rsync, a database).
enum class About {
  anything,
  launch,  ///< ssh between the nodes: only if a launcher has failed as well, or the word names a node of the
           ///< job
  node,    ///< only if the word names a node of the job
  page,    ///< only in a page of Open MPI's: the program of the user may print the same words
};

/// One known text. A `*` in it stands for the word that the cause and the command call `{}`.
struct Known {
  std::string_view text;
  std::string_view cause;
  std::string_view command;
  std::string_view setting = {};  ///< a setting of the user's with this in its name may cause it
  About about = About::anything;
};

constexpr std::string_view kAnySetting = "_";  ///< only for `setting`; of any name
constexpr std::string_view kSetup = "ec2mpi setup";
constexpr std::string_view kDoctor = "ec2mpi doctor";
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
constexpr std::string_view kDiskFull = "a node's disk is full";
constexpr std::string_view kShowDisks = "ec2mpi exec-all 'df -h / /tmp /dev/shm'";
constexpr std::string_view kLost = "a node or its connection was lost while the job ran";
constexpr std::string_view kNoCopies = "the kernel forbids ranks to read each other's memory";

/// Causes stand above their consequences, since an output may hold both.
constexpr Known kKnown[] = {
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
    {"An invalid value was given for btl_tcp_if_include",
     "some node has no such interface; name the network instead",
     "mpirun --mca btl_tcp_if_include 10.0.0.0/16 ...", kAnySetting, About::page},
    {"mutually-exclusive MCA variables", "an interface is both included and excluded; only include",
     "mpirun --mca btl_tcp_if_include 10.0.0.0/16 ...", kAnySetting, About::page},
    {"  Value given: *\n", "a node has no interface or network {}, which mpirun was told to use", kDoctor,
     kAnySetting, About::page},
    {"to be opened in the * framework", "Open MPI has no component for {} that works on a node", kDoctor,
     kAnySetting, About::page},
    {"PML * cannot be selected", "MPI's component {} does not work on a node", kDoctor, kAnySetting},
    {"Component: *\n", "Open MPI has no component {} on a node", kDoctor, kAnySetting, About::page},
    // the network
    {"due to process rank * with PID",
     "rank {} ended without MPI_Finalize (exit, os._exit, a crash); its last words",
     "ec2mpi logs",
     {},
     About::page},
    {"unable to reach each other for", "two ranks found no way to each other; this shows what lies between",
     kDoctor, kAnySetting, About::page},
    {"connect() to *:",
     "{} refuses connections of MPI; look at its own firewall and the security group",
     kDoctor,
     {},
     About::node},
    {"unable to complete a TCP connection", kFirewall, kDoctor, kAnySetting},
    {"failed to TCP connect to a peer",
     "a node's own firewall, or the security group, lets no connections of MPI through; this shows where",
     kDoctor, kAnySetting, About::page},
    {"cannot find a corresponding process entry", kBridge, kDoctor, kAnySetting},
    {"received unexpected process identifier", kBridge, kDoctor, kAnySetting},
    // the program
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
    {"unable to find the specified executable",
     "there is no such program in the PATH, or at that path, of a node",
     kPush,
     {},
     About::page},
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
     "a node may not execute {}: it is a folder, or the program in its first line may not be executed",
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
    {"Working directory: *\n",
     "the folder {} is not on every node; this shows where",
     "ec2mpi exec-all 'ls -d {}'",
     {},
     About::page},
    {"unable to change wdir", "the working directory is not on every node", kDoctor},
    {"version `GLIBC_", "the program was built on a newer system than the nodes'; build it on the master",
     "ec2mpi login"},
    {"error while loading shared libraries: *:",
     "{} is missing on a node, or LD_LIBRARY_PATH hides it; this shows all that is",
     "ec2mpi exec-all 'ldd PROGRAM | grep not'"},
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
    {"Too many open files", "a limit of the nodes is too low for this number of ranks",
     "ec2mpi exec-all 'ulimit -n'"},
    {"process_vm_readv", kNoCopies, "ec2mpi run --mca btl_vader_single_copy_mechanism none ..."},
    {"Read -1, expected", kNoCopies, "ec2mpi run --mca btl_vader_single_copy_mechanism none ..."},
    // only what followed
    {"has lost communication with a remote daemon", kLost, kDoctor, {}, About::page},
    {"lost connection to", kLost, kDoctor},
    {"unable to reliably start one or more daemons", "mpirun could not start itself on all nodes", kDoctor,
     "agent", About::page},
};

/// A known text in the output.
struct Match {
  std::string word;     ///< that `*` stands for; "" without one
  std::size_t end = 0;  ///< behind the text
};

/// Nothing if the text isn't in the output.
std::optional<Match> match(std::string_view text, std::string_view output) {
  const auto star = text.find('*');
  if (star == std::string_view::npos) {
    const auto at = output.find(text);
    if (at == std::string_view::npos) return std::nullopt;
    return Match{{}, at + text.size()};
  }
  const auto before = text.substr(0, star);
  const auto after = text.substr(star + 1);
  // From the text behind the star backwards, so that the word ends there and lies within one line.
  for (auto at = output.find(after, before.size()); at != std::string_view::npos;
       at = output.find(after, at + 1)) {
    const auto line_start = at == 0 ? 0 : output.rfind('\n', at - 1) + 1;
    const auto line = output.substr(line_start, at - line_start);
    const auto begin = before.empty() ? line.find_last_of(" \t") + 1 : line.rfind(before) + before.size();
    if (!before.empty() && line.rfind(before) == std::string_view::npos) continue;
    const auto word = trim(line.substr(begin));
    if (!word.empty() && word.size() <= kLongestWord) return Match{std::string(word), at + after.size()};
  }
  return std::nullopt;
}

std::string filled(std::string_view text, const std::string& word) {
  std::string whole;
  for (auto place = text.find("{}"); place != std::string_view::npos; place = text.find("{}")) {
    whole.append(text.substr(0, place)).append(word);
    text.remove_prefix(place + 2);
  }
  return whole.append(text);
}

/// The user types the command, so a name from the output must not become shell text in it.
bool is_plain(std::string_view word) {
  return !word.starts_with('-') && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '/' || c == '-';
  });
}

/// The label of a host; empty if the output's name for it is not known.
std::string label_of(const std::string& host, const HintContext& context) {
  const auto named = context.names.find(host);
  return named == context.names.end() ? std::string() : named->second;
}

/// The pages of Open MPI: it prints each between two lines of dashes, behind which a rank's tag may stand in
/// front. Such lines are paired from the end, which is Open MPI's when a job has failed: the beginning may be
/// cut off.
std::string pages_of(std::string_view output) {
  const auto is_rule = [](std::string_view line) {
    const auto dashes = line.size() - (line.find_last_not_of('-') + 1);  // npos + 1 is the beginning
    return dashes >= 70 && dashes <= 80;                                 // 74 in most versions
  };
  std::vector<std::size_t> rules;
  const auto lines = split(output, '\n');
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (is_rule(trim(lines[i]))) rules.push_back(i);
  std::string pages;
  for (auto rule = rules.size() % 2; rule + 1 < rules.size(); rule += 2)
    for (auto i = rules[rule] + 1; i < rules[rule + 1]; ++i) pages.append(lines[i]).push_back('\n');
  return pages;
}

struct Printed {
  std::string_view output;
  std::string pages;  ///< the part of it that Open MPI has printed
};

/// A launcher's own words that it could not start something.
bool launch_failed(std::string_view output, std::string_view pages) {
  for (const std::string_view word : {"[mpiexec@", "HYD"})
    if (output.find(word) != std::string_view::npos) return true;
  for (const std::string_view word :
       {"reliably start one or more daemons", "lost communication with a remote daemon"})
    if (pages.find(word) != std::string_view::npos) return true;
  return false;
}

/// Without names, nothing is known of the job's nodes.
bool is_about_this_job(const Known& known, const std::string& word, const Printed& printed,
                       const HintContext& context) {
  if (known.about == About::anything || known.about == About::page || context.names.empty()) return true;
  const auto host = word.substr(word.rfind('@') + 1);  // npos + 1 is the beginning
  if (!label_of(host.substr(0, host.rfind(':')), context).empty()) return true;
  return known.about == About::launch && launch_failed(printed.output, printed.pages);
}

/// The host that a page of Open MPI is about: "Local host:  HOST" in it, or "[HOST:PID]" in front of the next
/// line. Empty if neither is there.
std::string host_behind(std::string_view text) {
  constexpr std::string_view kLocal = "Local host:";
  for (const auto line : split(text.substr(0, 2000), '\n')) {
    const auto words_of_line = trim(line);
    if (words_of_line.starts_with(kLocal)) return std::string(trim(words_of_line.substr(kLocal.size())));
    const auto colon = line.find(':');
    if (line.starts_with('[') && colon != std::string_view::npos && colon > 1)
      return std::string(line.substr(1, colon - 1));
  }
  return {};
}

/// The folder in which Open MPI makes its own ones: "/tmp" of "/tmp/ompi.h1.1000/pid.7".
std::string folder_of_session(std::string_view path) {
  for (const std::string_view begin : {"/ompi.", "/prte.", "/vader_segment", "/sm_segment"})
    if (const auto at = path.find(begin); at != std::string_view::npos && at > 0)
      return std::string(path.substr(0, at));
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos || slash == 0 ? "/" : std::string(path.substr(0, slash));
}

/// Pages of Open MPI about a full file system name the path and the node.
std::optional<Hint> full_disk_hint(const Printed& printed, const HintContext& context) {
  const auto output = printed.output;
  for (const std::string_view text :
       {"Directory: *\n  Error:     No space left on device", "not enough space for * (the shared-memory"}) {
    if (!match(text, printed.pages)) continue;
    const auto found = match(text, output);
    const auto folder = found ? folder_of_session(found->word) : std::string();
    if (!found || !is_plain(folder)) continue;
    const auto host = host_behind(output.substr(found->end));
    const auto label = label_of(host, context);
    const auto who = !label.empty() ? label : host.empty() ? std::string("a node") : printable(host);
    const auto where = label.starts_with("node") ? "ec2mpi exec -w " + label.substr(4) : "ec2mpi exec-all";
    return Hint{fmt::format("the file system of {} on {} is full", folder, who),
                fmt::format("{0} 'df -h {1}; df -i {1}'", where, folder)};
  }
  return std::nullopt;
}

/// Of a python of the user's own. setup installs mpi4py for that of the system.
std::optional<Hint> own_python_hint(const Printed& printed, const HintContext& context) {
  auto program = context.program;
  if (const auto says = match("*: No module named mpi4py", printed.output))
    program = says->word;
  else if (!match("No module named 'mpi4py'", printed.output))
    return std::nullopt;
  const bool is_own = program.find('/') != std::string::npos && !program.starts_with("/usr/");
  if (!is_own || !is_python(program) || !is_plain(program)) return std::nullopt;
  return Hint{fmt::format("{} has no mpi4py on a node", program),
              fmt::format("ec2mpi exec-all '{} -m pip install mpi4py'", program)};
}

std::optional<Hint> no_python_hint(const Printed& printed, const HintContext& context) {
  if (!context.python3 || !match("Executable: python\n", printed.pages)) return std::nullopt;
  return Hint{"the nodes have no command python, but python3", "ec2mpi run ... -- python3 ..."};
}

/// A setting of the user's, as src/ops/mpi/settings.sh reports it: "ec2mpi: PLACE sets NAME to VALUE".
struct Followed {
  std::string place;  ///< "FILE:LINE", "FILE:LINE:VARIABLE" or "VARIABLE", maybe with "nodeN:" in front
  std::string name;

  [[nodiscard]] std::string text() const { return place + " sets " + name; }
};

/// The first one whose name holds `part`, and that is used.
std::optional<Followed> followed_setting(std::string_view part, std::string_view output) {
  constexpr std::string_view kOurs = "ec2mpi: ";
  constexpr std::string_view kSets = " sets ";
  for (const auto line : split(output, '\n')) {
    const auto sets = line.find(kSets);
    const auto value = line.find(" to ");
    if (!line.starts_with(kOurs) || sets == std::string_view::npos || value == std::string_view::npos ||
        value < sets + kSets.size() || line.find("which is not used") != std::string_view::npos)
      continue;
    Followed found{printable(line.substr(kOurs.size(), sets - kOurs.size())),
                   printable(line.substr(sets + kSets.size(), value - sets - kSets.size()))};
    if (part == kAnySetting || found.name.find(part) != std::string::npos) return found;
  }
  return std::nullopt;
}

/// Whether doctor finds the fault: of interfaces, and of components that are not there.
bool doctor_judges(const std::string& name, std::string_view text) {
  return name.ends_with("_if_include") || name.ends_with("_if_exclude") || name == "ess" ||
         text.find("Component: ") != std::string_view::npos || text.find(" * ") != std::string_view::npos;
}

/// The command that shows the line.
std::string shows_setting(const Followed& setting) {
  auto parts = split(setting.place, ':');
  std::string where = "1";
  if (parts.size() > 1 && parts.front().starts_with("node")) {
    where = parts.front().substr(4);
    parts.erase(parts.begin());
  }
  if (parts.size() > 1 && is_plain(parts[0]) && is_plain(parts[1]) && is_plain(where))
    return fmt::format("ec2mpi exec -w {} 'sed -n {}p {}'", where, parts[1], parts[0]);
  return "ec2mpi exec-all 'env | grep _MCA_'";
}

/// mpirun says nothing at all with some settings (ess).
bool is_only_from_us(std::string_view output) {
  const auto lines = split(trim(output), '\n');
  return std::ranges::all_of(lines, [](auto line) { return line.starts_with("ec2mpi: "); });
}

}  // namespace

std::optional<Hint> hint_for(std::string_view output, const HintContext& context) {
  const Printed printed{output, context.whole ? pages_of(output) : std::string(output)};
  for (const auto hint : {full_disk_hint, own_python_hint, no_python_hint})
    if (auto found = hint(printed, context)) return found;
  for (const auto& known : kKnown) {
    const auto found = match(known.text, known.about == About::page ? printed.pages : output);
    if (!found || !is_about_this_job(known, found->word, printed, context)) continue;
    // The output has addresses; people know the labels of the list.
    const auto label = label_of(found->word, context);
    const auto word = label.empty() ? printable(found->word) : label;
    const bool in_command = known.command.find("{}") != std::string_view::npos;
    // The cause alone would leave the user without the next step; another text may fit better.
    if (in_command && !is_plain(found->word)) continue;
    auto cause = filled(known.cause, word);
    const auto setting = known.setting.empty() ? std::nullopt : followed_setting(known.setting, output);
    if (setting) {
      // What only some settings can cause, they cause.
      auto why = known.setting == kAnySetting
                     ? fmt::format("{}, and {}, which may be why; this shows it", cause, setting->text())
                     : fmt::format("{}, which may be why; this shows the line", setting->text());
      return Hint{std::move(why),
                  doctor_judges(setting->name, known.text) ? std::string(kDoctor) : shows_setting(*setting)};
    }
    return Hint{std::move(cause), filled(known.command, found->word)};
  }
  if (const auto setting = followed_setting(kAnySetting, output); setting && is_only_from_us(output))
    return Hint{setting->text() + ", with which mpirun may not start; this shows it",
                doctor_judges(setting->name, {}) ? std::string(kDoctor) : shows_setting(*setting)};
  return std::nullopt;
}

}  // namespace ec2mpi::ops
