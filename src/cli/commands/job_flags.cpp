#include "src/cli/commands/job_flags.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cstdlib>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cli/session/options.hpp"
#include "ec2mpi/ops/mpi/map_by.hpp"
#include "ec2mpi/ops/mpi/placement.hpp"

namespace ec2mpi::cli {

namespace {

/// "node", "ppr:2:socket:PE=4": nothing that mpirun could take for another option.
const ReadValue kMpirunWord = [](const std::string& word) {
  constexpr auto* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:,=_-";
  const bool plain =
      !word.empty() && word.front() != '-' && word.find_first_not_of(kPlain) == std::string::npos;
  return plain ? std::string()
               : fmt::format("a word of mpirun such as node or slot, not '{}'", printable(word));
};

/// A word with a dash was hardly meant as a value; a negative number may be one.
const ReadValue kMcaWord = [](const std::string& word) {
  const bool is_flag = word.size() > 1 && word.front() == '-' && (word[1] < '0' || word[1] > '9');
  return is_flag ? fmt::format("a name and a value, as in --mca btl tcp,self; not '{}'", printable(word))
                 : std::string();
};

using Variable = std::pair<std::string, std::string>;

/// NAME=VALUE, or NAME alone for its value here, as with mpirun; nothing yet for the latter.
Result<std::optional<Variable>> parse_variable(const std::string& text) {
  const auto equals = text.find('=');
  const auto name = text.substr(0, equals);
  // The job's script exports variables by name, and other text would be code there. In other commands -x
  // leaves out nodes; the message has the flag that does it here.
  if (!is_identifier(name))
    return fail(
        ErrorKind::usage,
        fmt::format("-x {0}: not a variable's name; to leave out nodes: --exclude {0}", printable(text)));
  if (equals != std::string::npos) return Variable{name, text.substr(equals + 1)};
  if (std::getenv(name.c_str()) != nullptr) return std::nullopt;
  return fail(ErrorKind::usage,
              fmt::format("-x {}: it is not set here; give it a value: -x {}=VALUE", name, name));
}

/// Flags come after the file, so they win.
Result<void> set_variables(JobSpec& job, const std::vector<std::string>& flags) {
  for (const auto& flag : flags) {
    TRY_AS(variable, parse_variable(flag));
    if (*variable) job.env[(*variable)->first] = (*variable)->second;
  }
  return {};
}

/// 0 means that the flag is absent: CLI11 accepts 1 and more.
void set_count(int flag, std::string& formula, int& count) {
  if (flag == 0) return;
  formula = std::to_string(flag);
  count = flag;
}

/// A result's path is a line of the job's record, so a line end in it would forge other lines.
Result<void> check(const JobSpec& job) {
  if (!job.mpirun.empty() && !job.mpirun.starts_with('/'))
    return fail(ErrorKind::usage, fmt::format("--mpirun takes a full path, not '{}'", printable(job.mpirun)));
  // By its value the job's processes are found and ended.
  if (job.env.contains("EC2MPI_JOB"))
    return fail(ErrorKind::usage, "EC2MPI_JOB is set by ec2mpi, to the job's id; choose another name");
  TRY(check_map_by(job.map_by));
  TRY(check_rank_by(job.rank_by));
  for (const auto& path : job.pull) {
    if (path.empty() || printable(path) != path)
      return fail(ErrorKind::usage, fmt::format("pull: '{}' is not a path on the nodes", printable(path)));
  }
  return {};
}

}  // namespace

/// A flag that was not given leaves the setting of ec2mpi.toml as it is.
Result<JobSpec> with_flags(JobSpec job, const JobFlags& flags) {
  set_count(flags.np, job.formulas.np, job.ranks.np);
  set_count(flags.per_node, job.formulas.per_node, job.ranks.per_node);
  // It says how many ranks a node takes, and how many there are if -np does not say so.
  if (job.formulas.per_node.empty())
    set_count(ranks_a_node(plain_map_by(flags.map_by)), job.formulas.per_node, job.ranks.per_node);
  if (flags.slots) {
    TRY_AS(slots, parse_slots(*flags.slots));
    job.slots = *slots;
  }
  TRY(set_variables(job, flags.env));
  if (flags.workdir) job.workdir = *flags.workdir;
  if (flags.mpirun) job.mpirun = *flags.mpirun;
  job.spawn = flags.spawn;
  job.mca = flags.mca;
  job.mpi4py_run = !flags.no_mpi4py_run;
  job.map_by = plain_map_by(flags.map_by);
  job.rank_by = flags.rank_by;
  job.tag = flags.tag;
  job.profile = job.profile || flags.profile;
  job.timeout = seconds(flags.timeout);
  return job;
}

/// The value that a variable has here is text of somebody else, in which braces are only braces.
Result<JobSpec> completed(JobSpec job, const JobFlags& flags) {
  for (const auto& name : flags.env)
    if (name.find('=') == std::string::npos) job.env[name] = std::getenv(name.c_str());
  TRY(check(job));
  return job;
}

void add_job_flags(CLI::App& command, JobFlags& flags) {
  add_option(command, "-n,--np", flags.np, "Ranks in all, also -np [one per slot]")
      .type_name("N")
      .transform(number(1, 1'000'000));
  add_option(command, "--per-node", flags.per_node, "Ranks on each node, independent of its slots")
      .type_name("N")
      .transform(number(1, 100'000));
  add_option(command, "--slots", flags.slots,
             "Places on a node: cores, threads or a number [as the list says, else cores]")
      .type_name("KIND");
  add_option(command, "--workdir", flags.workdir, "Where the program runs on the nodes [the home]")
      .type_name("DIR");
  add_option(command, "-x", flags.env, "Set this for every rank; NAME alone: with its value here")
      .type_name("NAME=VALUE")
      .allow_extra_args(false);
  add_option(command, "--mca", flags.mca, "Parameter for Open MPI; replaces ours of that name")
      .type_name("NAME VALUE")
      .check(kMcaWord)
      .allow_extra_args(false);
  add_option(command, "--map-by", flags.map_by, "How Open MPI maps ranks to nodes, as mpirun takes it [slot]")
      .type_name("OBJECT")
      .check(kMpirunWord);
  add_option(command, "--rank-by", flags.rank_by, "How Open MPI numbers the ranks, as mpirun takes it [slot]")
      .type_name("OBJECT")
      .check(kMpirunWord);
  add_option(command, "--timeout", flags.timeout, "End the job after this time [no limit]")
      .type_name("TIME")
      .transform(time_from(0.001, 1e8));
  add_option(command, "--mpirun", flags.mpirun,
             "The mpirun or mpiexec to use on the nodes [the one in their PATH]")
      .type_name("PATH")
      .envname("EC2MPI_MPIRUN");
  add_flag(command, "--tag", flags.tag,
           "The rank in front of each line of output; ec2mpi logs --rank N selects one rank");
  add_flag(command, "--profile", flags.profile,
           "Count what each rank does in MPI, and show at the end which rank the others wait for");
  add_option(command, "--spawn", flags.spawn,
             "Leave N slots free for ranks that the program spawns (MPI_Comm_spawn, MPIPoolExecutor)")
      .type_name("N")
      .transform(number(1, 100'000));
  add_flag(command, "--no-mpi4py-run", flags.no_mpi4py_run,
           "Start python programs as they are, not through mpi4py.run");
}

}  // namespace ec2mpi::cli
