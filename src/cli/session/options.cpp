#include "ec2mpi/cli/session/options.hpp"

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "ec2mpi/ssh/libssh/jump_host.hpp"

namespace ec2mpi::cli {

namespace {
/// Bounds that can be read in a message; a thousand days are endless.
const ReadValue kTimeOrNone = time_from(0, 1e8);
const ReadValue kTime = time_from(0.001, 1e8);
/// It goes into files that ssh reads, too.
const ReadValue kUser = [](const std::string& name) {
  if (is_user_name(name)) return std::string();
  return fmt::format("'{}' is not a user name{}", printable(name),
                     name.find('\\') == std::string::npos ? "" : "; write USER@DOMAIN");
};
/// In ssh's grammar: an alias of the ssh configuration may be a word that is no host in a list. The text may
/// hold a password, so it is not shown.
const ReadValue kJump = [](const std::string& text) -> std::string {
  if (ssh::jump_of_words(text)) return {};
  if (text.find(',') != text.npos) return "one jump host, and no chain of several: [user@]host[:port]";
  // Slurm's -J is a job's name.
  return "one host to go through: [user@]host[:port]; a job has its name from [jobs.NAME]";
};
/// Of nodes and retries: more is a slip of the keyboard.
const ReadValue kCount = number(0, 1'000'000);

/// Headings in a command's help, below its own options.
constexpr const char* kWhichNodes = "Which nodes";
constexpr const char* kConnection = "Connections";
constexpr const char* kLimits = "Limits";
}  // namespace

std::chrono::nanoseconds seconds(double value) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(value));
}

/// On the program itself, so that they are valid in front of the command and, by fallthrough, behind it.
void add_common_options(CLI::App& app, CommonOptions& options) {
  add_option(app, "--color", options.colour, "Colour: auto (on a terminal), always, never")
      .transform(one_of<ColourChoice>({{"auto", ColourChoice::automatic},
                                       {"always", ColourChoice::always},
                                       {"never", ColourChoice::never}}))
      .type_name("WHEN")
      .envname("EC2MPI_COLOR");
  add_flag(app, "-v,--verbose", options.verbose, "Report each step; -vv reports more");
  add_flag(app, "-q,--quiet", options.quiet, "No summary if all nodes succeeded");
}

/// Also for commands that use the whole list and select nothing from it.
void add_list_options(CLI::App& command, ListOptions& options) {
  add_option(command, "--list", options.list, "Instance list [amazon_instances_info, else nodeIPaddress]")
      .type_name("FILE")
      .envname("EC2MPI_LIST")
      .group(kWhichNodes);
  add_option(command, "--address", options.address, "Which address to use: auto, public, private, ipv6")
      .check(one_of({"auto", "public", "private", "ipv6"}))
      .type_name("KIND")
      .envname("EC2MPI_ADDRESS")
      .group(kWhichNodes);
}

void add_jump_option(CLI::App& command, ListOptions& options, const char* text) {
  add_option(command, "-J,--jump", options.jump, text)
      .check(kJump)
      .type_name("[USER@]HOST[:PORT]")
      .envname("EC2MPI_JUMP")
      .group(kWhichNodes);
}

void add_selection_options(CLI::App& command, ListOptions& options, const char* exclude_flags) {
  add_list_options(command, options);
  add_option(command, "-w,--nodes", options.wanted,
             "Only these nodes: 1,3-5 -2 master workers all type=TYPE name=NAME @GROUP failed i-ID ADDRESS; "
             "in quotes: 'node[1-3]' 'node*' '!3' 'name=GLOB'")
      .type_name("NODES")
      // One word for each -w: the words behind it are the command's own.
      .allow_extra_args(false)
      .envname("EC2MPI_NODES")
      .group(kWhichNodes);
  add_jump_option(command, options, "Reach the nodes through this host, by their private addresses");
  add_option(command, exclude_flags, options.excluded, "Not these nodes")
      .type_name("NODES")
      .allow_extra_args(false)
      .group(kWhichNodes);
}

/// Each has a variable, so that a script or a folder can set it once.
void add_connect_options(CLI::App& command, ConnectOptions& options) {
  add_option(command, "-i,--identity", options.identity,
             "Private key [the only .pem beside the list, the agent]")
      .type_name("FILE")
      .envname("EC2MPI_IDENTITY")
      .group(kConnection);
  add_option(command, "-l,--user", options.user, "Login user [ubuntu]")
      .check(kUser)
      .type_name("USER")
      .envname("EC2MPI_USER")
      .group(kConnection);
  add_option(command, "-p,--port", options.port, "Port of sshd [22]")
      .transform(number(1, 65535))
      .type_name("PORT")
      .envname("EC2MPI_PORT")
      .group(kConnection);
  add_option(command, "-F,--ssh-config-file", options.ssh_config,
             "ssh configuration, or 'none' [~/.ssh/config]")
      .type_name("FILE")
      .envname("EC2MPI_SSH_CONFIG")
      .group(kConnection);
  add_option(command, "-t,--connect-timeout", options.connect_timeout, "Time to be logged in on a node [10]")
      .type_name("TIME")
      .transform(kTime)
      .envname("EC2MPI_CONNECT_TIMEOUT")
      .group(kConnection);
  add_flag(command, "--strict-host-keys", options.strict_host_keys,
           "Refuse nodes whose host key is not known yet")
      .envname("EC2MPI_STRICT_HOST_KEYS")
      .group(kConnection);
  add_option(command, "--persist", options.persist,
             "Keep the connections for later commands until they were unused for this time: 600, 90s, 10m, "
             "2h; 0: neither keep nor use any [use those that are kept]")
      .type_name("TIME")
      .envname("EC2MPI_PERSIST")
      .group(kConnection);
}

/// All times are in seconds, after CLI11 has transformed them.
void add_fleet_options(CLI::App& command, FleetFlags& options) {
  add_option(command, "-f,--fanout", options.fanout, "How many nodes at once [all]")
      .type_name("N")
      .transform(kCount)
      .envname("EC2MPI_FANOUT")
      .group(kLimits);
  add_option(command, "-u,--command-timeout", options.task_timeout, "Time for each node [no limit]")
      .type_name("TIME")
      .transform(kTimeOrNone)
      .envname("EC2MPI_COMMAND_TIMEOUT")
      .group(kLimits);
  add_option(command, "--timeout", options.whole_timeout, "Time for everything [no limit]")
      .type_name("TIME")
      .transform(kTimeOrNone)
      .envname("EC2MPI_TIMEOUT")
      .group(kLimits);
  add_option(command, "--retries", options.retries,
             "Retries of a connection that failed before its command began [0]")
      .type_name("N")
      .transform(kCount)
      .envname("EC2MPI_RETRIES")
      .group(kLimits);
  add_flag(command, "-k,--fail-fast", options.fail_fast, "Start no other node after the first failure")
      .group(kLimits);
}

}  // namespace ec2mpi::cli
