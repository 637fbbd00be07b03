#include "ec2mpi/ops/mpi/command.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <optional>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "src/ops/mpi/programs.hpp"

namespace ec2mpi::ops {

namespace {

/// Above this many nodes one mpirun can't start all daemons itself well; a tree of ssh does.
/// Without the tree, the master runs one ssh for each node, and each takes 6.6 MB (measured).
constexpr std::size_t kMostDirectDaemons = 300;

/// BatchMode: nobody could answer a question. A silent node is lost after 45 s: ssh ends a connection
/// after three ServerAlive messages without an answer. At the level ERROR ssh keeps the banner of each
/// node's sshd off the job's output, and still prints why it fails.
constexpr const char* kSshArguments =
    "-o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 -o LogLevel=ERROR";

/// The names that Open MPI 4 and 5 have for the same things.
struct Dialect {
  const char* runtime_flag;  ///< for parameters of the runtime; those of MPI itself are always --mca
  const char* ssh_agent;
  const char* ssh_arguments;
  const char* no_tree;
  const char* launch_agent;
  const char* daemon;
  const char* runtime_interfaces;
  const char* transports;
  std::vector<const char*> tag;  ///< puts the rank in front of each line
  const char* tells_ranks;       ///< before a file's name: writes there which ranks were started; or nothing
  const char* attached;          ///< keeps the ssh of each daemon; or nothing
};

const Dialect kOpenMpi4 = {"--mca",
                           "plm_rsh_agent",
                           "plm_rsh_args",
                           "plm_rsh_no_tree_spawn",
                           "orte_launch_agent",
                           "orted",
                           "oob_tcp_if_include",
                           "tcp,vader,self",
                           {"--tag-output"},
                           nullptr,
                           "orte_leave_session_attached"};
const Dialect kOpenMpi5 = {
    "--prtemca", "plm_ssh_agent",   "plm_ssh_args", "plm_ssh_no_tree_spawn", "prte_launch_agent",
    "prted",     "prte_if_include", "tcp,sm,self",  {"--output", "tag"},     "--output-proctable=",
    nullptr};

/// A connection that stays counts as one that is being made: with fewer of them than nodes mpirun refuses.
constexpr const char* kConcurrent = "plm_rsh_num_concurrent";
constexpr std::size_t kUsualConcurrent = 128;

/// From 5.0.7 on, as far as seen; in earlier ones of PRRTE, 0 threads have no defined effect.
bool forks_without_threads(const MpiVersion& mpi) {
  if (mpi.major != 5) return false;
  const auto numbers = split(mpi.text, '.');
  const auto minor = numbers.size() > 1 ? parse_number(numbers[1]) : std::nullopt;
  if (!minor || *minor > 0) return minor.has_value();
  const auto patch = numbers.size() > 2 ? parse_number(numbers[2]) : std::nullopt;
  return patch && *patch >= 7;
}

/// These variables would change mpirun and ssh themselves if they were in mpirun's environment, and none is a
/// secret. All others may be secrets, and a command line can be read by everybody on the node.
bool on_the_line(const std::string& name) {
  static const std::set<std::string> kOfMpirun = {"PATH", "HOME", "TMPDIR", "TMP",
                                                  "TEMP", "UID",  "EUID",   "PPID"};
  constexpr std::string_view kBeginnings[] = {"LD_", "OMPI_", "PMIX_", "PRTE_"};
  return kOfMpirun.contains(name) || std::any_of(std::begin(kBeginnings), std::end(kBeginnings),
                                                 [&name](auto known) { return name.starts_with(known); });
}

constexpr const char* kPreload = "LD_PRELOAD";

/// The user's own LD_PRELOAD becomes a part of ours.
bool is_replaced(const MpiJob& job, const std::string& name) {
  return !job.preload.empty() && name == kPreload;
}

std::vector<std::pair<std::string, std::string>> profile_variables(const MpiJob& job) {
  if (job.preload.empty()) return {};
  auto libraries = job.preload;
  for (const auto& [name, value] : job.env)
    if (name == kPreload && !value.empty()) libraries += ":" + value;
  return {{kPreload, libraries}, {"EC2MPI_PROFILE", job.profile_folder}};
}

/// Collects the line; a parameter that the user sets is not set by us as well, or Open MPI would join both.
class OpenMpiLine {
 public:
  OpenMpiLine(const MpiJob& job, const Dialect& dialect) : job_(job), dialect_(dialect) {
    for (const auto& [name, value] : job.mca) users_.insert(name);
  }

  /// mpirun reads its options from left to right, and takes the first word that is none for the program.
  [[nodiscard]] std::vector<MpiOption> build() {
    add({job_.mpirun},
        fmt::format("{}, by its full path, so that the nodes take their daemons from the same folder",
                    job_.mpi.name()));
    add_placement();
    add_launching();
    add_network();
    add_environment();
    for (const auto& [name, value] : job_.mca) add({"--mca", name, value}, "yours");
    add(job_.command, "the program");
    return std::move(line_);
  }

 private:
  void add(std::vector<std::string> words, std::string reason) {
    // `reason` is what --explain shows beside the option.
    line_.push_back({std::move(words), std::move(reason)});
  }
  /// A parameter of the launcher and its daemons.
  void runtime(const char* name, std::string value, std::string reason) {
    if (!is_users(name)) add({dialect_.runtime_flag, name, std::move(value)}, std::move(reason));
  }
  /// A parameter of the ranks' library.
  void mpi(const char* name, std::string value, std::string reason) {
    if (!is_users(name)) add({"--mca", name, std::move(value)}, std::move(reason));
  }
  /// Open MPI accepts only one of X_if_include and X_if_exclude.
  [[nodiscard]] bool is_users(std::string_view name) const {
    constexpr std::string_view kInclude = "_if_include";
    if (users_.contains(name)) return true;
    return name.ends_with(kInclude) &&
           users_.contains(std::string(name.substr(0, name.size() - kInclude.size())) + "_if_exclude");
  }

  void add_placement() {
    const int ranks = total_ranks(job_.places);
    add({"--hostfile", job_.folder + "/hosts"},
        "private addresses and exact slots; --host loses a rank with Open MPI 5");
    add({"-np", std::to_string(ranks)}, count_of(static_cast<std::size_t>(ranks), "rank"));
    if (!job_.map_by.empty())
      add({"--map-by", job_.map_by}, "yours");
    else if (std::any_of(job_.places.begin(), job_.places.end(),
                         [](const auto& place) { return place.spare > 0; }))
      add({"--map-by", "node"},
          "one rank to each node in turn, for more slots are free than there are ranks");
    else
      add({"--map-by", "slot"}, "fill the slots in the hostfile's order");
    if (!job_.rank_by.empty()) add({"--rank-by", job_.rank_by}, "yours");
    add({"--bind-to", "none"}, "two jobs on a node would both be bound to core 0");
    add({"-wdir", job_.workdir}, "a folder that is missing on a node is an error, not silently the home");
    // Open MPI 5 can end with 0 after it has lost a node.
    if (dialect_.tells_ranks != nullptr)
      add({dialect_.tells_ranks + job_.folder + "/ranks"},
          "which ranks were started: the job has failed if one is missing");
    if (job_.tag) add({dialect_.tag.begin(), dialect_.tag.end()}, "the rank in front of each line");
    if (oversubscribed(job_.places)) {
      mpi("mpi_yield_when_idle", "1", "more ranks than cores: waiting ranks must let others work");
    }
  }

  void add_launching() {
    runtime(dialect_.ssh_agent, job_.folder + "/rsh",
            "ssh, so that it does not share mpirun's output, and any login shell will do on the nodes");
    runtime(dialect_.ssh_arguments, kSshArguments, "ssh to a node must not ask, nor wait for minutes");
    if (job_.places.size() <= kMostDirectDaemons) {
      runtime(dialect_.no_tree, "1",
              "the master starts all daemons itself; workers need no keys for each other");
      add_attachment();
    }
    runtime(dialect_.launch_agent, fmt::format("env {}={} {}", kJobMark, job_.id, dialect_.daemon),
            "marks the daemons, so that nothing of the job is left behind");
    // A thread that forks a rank writes its pid down afterwards; if the rank has ended before, the daemon
    // reaps a process that it does not know, and waits for the rank for ever (openpmix/prrte, pull request
    // 2713).
    if (forks_without_threads(job_.mpi)) {
      runtime(
          "odls_base_max_threads", "0",
          "daemons fork ranks one by one; from threads they may miss the end of a very short one and hang");
    }
  }

  /// A daemon that dies at its start (Open MPI could not write to /tmp, or was not let through by a firewall)
  /// is otherwise waited for without a word and without an end.
  void add_attachment() {
    if (dialect_.attached == nullptr) return;
    runtime(dialect_.attached, "1", "a daemon that cannot start says why, and mpirun ends");
    if (job_.places.size() > kUsualConcurrent)
      runtime(kConcurrent, std::to_string(job_.places.size()), "as many at once, for each ssh stays");
  }

  void add_network() {
    const auto network = job_.network.text();
    runtime(dialect_.runtime_interfaces, network,
            "the network of the private addresses, and no other (docker0)");
    if (!job_.efa) {
      mpi("btl_tcp_if_include", network, "the same for the ranks' messages");
      mpi("pml", "ob1", "plain TCP between nodes, which minds the line above");
      mpi("btl", dialect_.transports, "TCP between nodes, shared memory within; nothing to search for");
    }
    const auto* noticed = "a lost node is noticed within a minute, not after eight";
    runtime("oob_tcp_keepalive_time", "20", noticed);
    runtime("oob_tcp_keepalive_intvl", "5", noticed);
    runtime("oob_tcp_keepalive_probes", "4", noticed);
  }

  void add_environment() {
    add({"-x", kJobMark}, "marks the ranks");
    for (const auto& [name, value] : profile_variables(job_))
      add({"-x", name + "=" + value}, "counts what each rank does in MPI");
    for (const auto& [name, value] : job_.env)
      if (!is_replaced(job_, name)) add({"-x", on_the_line(name) ? name + "=" + value : name}, "yours");
  }

  const MpiJob& job_;
  const Dialect& dialect_;
  std::set<std::string, std::less<>> users_;
  std::vector<MpiOption> line_;
};

/// MPICH and Intel MPI: both have the Hydra launcher, with options of their own.
class HydraLine {
 public:
  explicit HydraLine(const MpiJob& job) : job_(job), intel_(job.mpi.flavour == MpiFlavour::intel_mpi) {}

  [[nodiscard]] std::vector<MpiOption> build() {
    add({job_.mpirun}, job_.mpi.name() + ", by its full path");
    add({intel_ ? "-machinefile" : "-f", job_.folder + "/hosts"}, "private addresses and exact ranks");
    const int ranks = total_ranks(job_.places);
    add({"-n", std::to_string(ranks)}, count_of(static_cast<std::size_t>(ranks), "rank"));
    if (!intel_)
      add({"-localhost", job_.master.text()},
          "where the daemons connect back to, whatever the master's name leads to");
    add({"-wdir", job_.workdir}, "a folder that is missing on a node is an error");
    add({"-genv", kJobMark, job_.id}, "marks the ranks");
    if (is_python(job_.command.front()))
      add({"-genv", "PYTHONUNBUFFERED", "1"},
          "ranks write to pipes: without it their output comes at the end");
    if (job_.tag && intel_) add({"-prepend-rank"}, "the rank in front of each line");
    if (job_.tag && !intel_) add({"-prepend-pattern", "[%r] "}, "the rank in front of each line");
    for (const auto& [name, value] : profile_variables(job_))
      add({"-genv", name, value}, "counts what each rank does in MPI");
    for (const auto& [name, value] : job_.env) {
      if (on_the_line(name) && !is_replaced(job_, name)) add({"-genv", name, value}, "yours");
    }
    if (!job_.env.empty()) add({"-genvall"}, "your other variables are in its environment");
    add(job_.command, "the program");
    return std::move(line_);
  }

 private:
  void add(std::vector<std::string> words, std::string reason) {
    line_.push_back({std::move(words), std::move(reason)});
  }

  const MpiJob& job_;
  bool intel_;
  std::vector<MpiOption> line_;
};

/// How many words of a Python command line are flags in front of the script; nothing if there is one that we
/// don't know, for its value could be mistaken for the script.
std::optional<std::size_t> python_flags(const std::vector<std::string>& command) {
  static const std::set<std::string, std::less<>> kAlone = {"-u", "-B", "-b", "-E", "-I", "-O", "-OO",
                                                            "-P", "-q", "-s", "-S", "-v", "-x"};
  std::size_t at = 1;
  while (at < command.size()) {
    if (kAlone.contains(command[at]))
      at += 1;
    else if (command[at] == "-W" || command[at] == "-X")
      at += 2;
    else
      break;
  }
  if (at >= command.size()) return std::nullopt;
  // The value of an unknown flag could be mistaken for the script.
  const auto& next = command[at];
  if (next.starts_with('-') && next != "-m" && next != "-c") return std::nullopt;
  return at;
}

}  // namespace

Result<std::vector<MpiOption>> mpi_options(const MpiJob& job) {
  if (job.mpi.flavour != MpiFlavour::open_mpi) {
    if (!job.mca.empty())
      return fail(ErrorKind::usage, fmt::format("--mca is for Open MPI; the nodes have {}", job.mpi.name()));
    if (!job.map_by.empty() || !job.rank_by.empty())
      return fail(ErrorKind::usage,
                  fmt::format("--map-by and --rank-by are for Open MPI; the nodes have {}", job.mpi.name()));
    return HydraLine(job).build();
  }
  if (job.mpi.major < 4 || job.mpi.major > 5) {
    return fail(ErrorKind::usage,
                fmt::format("the master has {}; only Open MPI 4 and 5 can be started", job.mpi.name()));
  }
  return OpenMpiLine(job, job.mpi.major == 4 ? kOpenMpi4 : kOpenMpi5).build();
}

std::string daemon_path(const std::string& mpirun, const MpiVersion& mpi) {
  const auto folder = mpirun.substr(0, mpirun.rfind('/') + 1);
  if (mpi.flavour == MpiFlavour::mpich) return folder + "hydra_pmi_proxy";
  if (mpi.flavour != MpiFlavour::open_mpi) return {};
  return folder + (mpi.major == 4 ? kOpenMpi4 : kOpenMpi5).daemon;
}

std::string settle_settings(const MpiJob& job, const std::vector<MpiOption>& options) {
  if (job.mpi.flavour != MpiFlavour::open_mpi) return {};
  std::string elsewhere;
  for (const auto& [name, place, value] : job.elsewhere)
    elsewhere += fmt::format("{} {} {}\n", name, place, value);
  std::string own = " ";
  std::size_t words = 0;
  // The user's parameters and the program stand behind all options of ours.
  for (std::size_t i = 0; i + job.mca.size() + 1 < options.size(); ++i) {
    const auto& option = options[i].words;
    words += option.size();
    // "--mca NAME VALUE" and its kind: three words.
    if (option.size() == 3) own += option[1] + " ";
  }
  return set_variables({{"own", own}, {"words", std::to_string(words)}, {"elsewhere", elsewhere}}) +
         std::string(kSettingsSh);
}

std::map<std::string, std::string> launcher_environment(const MpiJob& job) {
  std::map<std::string, std::string> environment;
  for (const auto& [name, value] : job.env) {
    if (!on_the_line(name)) environment[name] = value;
  }
  switch (job.mpi.flavour) {
    case MpiFlavour::open_mpi:
      break;
    case MpiFlavour::mpich:
      environment["HYDRA_LAUNCHER"] = "ssh";
      environment["HYDRA_LAUNCHER_EXEC"] = job.folder + "/rsh";
      environment["HYDRA_LAUNCHER_EXTRA_ARGS"] = kSshArguments;
      break;
    case MpiFlavour::intel_mpi:
      environment["I_MPI_HYDRA_BOOTSTRAP"] = "ssh";
      environment["I_MPI_HYDRA_BOOTSTRAP_EXEC"] = job.folder + "/rsh";
      environment["I_MPI_HYDRA_BOOTSTRAP_EXEC_EXTRA_ARGS"] = kSshArguments;
      // emplace: a value of the user's stays.
      if (!job.efa) environment.emplace("FI_PROVIDER", "tcp");
      if (oversubscribed(job.places)) environment.emplace("I_MPI_PIN", "off");
      break;
  }
  environment.erase(kJobMark);  // the supervisor sets it
  return environment;
}

std::string remote_shell(const std::string& id, const std::string& folder, DaemonLinks links) {
  return set_variables({{"mark", fmt::format("{}={}", kJobMark, id)},
                        {"folder", folder},
                        {"keep_links", links == DaemonLinks::counted ? "yes" : ""},
                        {"look_at_end", links == DaemonLinks::looked_over ? "yes" : ""},
                        {"start_by_sh", ""}}) +
         std::string(kRshSh);
}

std::string remote_shell(const MpiJob& job) {
  auto links = DaemonLinks::unknown;
  if (job.mpi.flavour == MpiFlavour::mpich) links = DaemonLinks::counted;
  if (job.mpi.flavour == MpiFlavour::open_mpi && job.mpi.major == 4 &&
      job.places.size() <= kMostDirectDaemons)
    links = DaemonLinks::looked_over;
  return remote_shell(job.id, job.folder, links);
}

std::string hostfile_for(const MpiVersion& mpi, const std::vector<Place>& places) {
  if (mpi.flavour == MpiFlavour::open_mpi) return hostfile(places);
  std::string text;
  for (const auto& place : places) {
    // -f of Hydra counts the ranks behind the colon.
    if (place.ranks > 0) text += fmt::format("{}:{}\n", place.address.text(), place.ranks);
  }
  return text;
}

std::vector<std::string> line_of(const std::vector<MpiOption>& options) {
  std::vector<std::string> line;
  for (const auto& option : options) line.insert(line.end(), option.words.begin(), option.words.end());
  return line;
}

bool is_python(const std::string& program) {
  const auto name = program.substr(program.rfind('/') + 1);
  if (!name.starts_with("python")) return false;
  // python3.11 is one, python3-config is not.
  return name.find_first_not_of("0123456789.", 6) == std::string::npos;
}

/// By mpi4py.run, an exception in one rank ends the job; without it, the other ranks wait for ever.
std::vector<std::string> through_mpi4py(std::vector<std::string> command) {
  if (command.empty() || !is_python(command.front())) return command;
  const auto flags = python_flags(command);
  if (!flags) return command;
  const bool module = command[*flags] == "-m";
  if (module && *flags + 1 < command.size() && command[*flags + 1].starts_with("mpi4py")) return command;
  static const std::vector<std::string> kRun = {"-m", "mpi4py"};
  command.insert(command.begin() + static_cast<std::ptrdiff_t>(*flags), kRun.begin(), kRun.end());
  return command;
}

/// For a script that calls mpirun itself: its lines are the user's, so parameters are variables.
std::map<std::string, std::string> script_environment(const std::string& id, const std::string& folder) {
  return {{kJobMark, id},
          {fmt::format("OMPI_MCA_{}", kOpenMpi4.ssh_agent), folder + "/rsh"},
          {"OMPI_MCA_plm_rsh_args", kSshArguments},
          {"OMPI_MCA_orte_launch_agent", fmt::format("env {}={} {}", kJobMark, id, kOpenMpi4.daemon)},
          {fmt::format("OMPI_MCA_{}", kOpenMpi4.attached), "1"},
          {fmt::format("OMPI_MCA_{}", kConcurrent), "1024"},
          {"PRTE_MCA_prte_launch_agent", fmt::format("env {}={} {}", kJobMark, id, kOpenMpi5.daemon)}};
}

}  // namespace ec2mpi::ops
