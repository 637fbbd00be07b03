#pragma once
/// The mpirun line for the installed MPI. Pure: facts and requests go in, words and their reasons come out.

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/mpi_version.hpp"
#include "ec2mpi/ops/mpi/placement.hpp"

namespace ec2mpi::ops {

/// The environment variable that every process of a job carries: launcher, daemons, ranks and their children.
inline constexpr const char* kJobMark = "EC2MPI_JOB";

/// One option with its values, and why it is there; the reason is for people.
struct MpiOption {
  std::vector<std::string> words;
  std::string reason;
};

struct MpiJob {
  std::string id;      ///< letters, digits, `.`, `_`, `-`; becomes the mark
  std::string mpirun;  ///< absolute path on the master
  MpiVersion mpi;
  std::string folder;  ///< of the job, absolute path on the master; `hosts` and `rsh` lie there
  Ipv4 master;         ///< private address, where daemons connect back to
  std::vector<Place> places;
  Network network;                  ///< of the private addresses of all nodes and the master
  std::string map_by = {};          ///< of the user; empty: ours
  std::string rank_by = {};         ///< likewise
  bool tag = false;                 ///< the rank in front of each line of output
  bool efa = false;                 ///< leave the choice of transport to the MPI
  std::string workdir;              ///< absolute
  std::string preload = {};         ///< path of a library for every rank; empty: none
  std::string profile_folder = {};  ///< where that library writes
  std::vector<std::pair<std::string, std::string>> env;  ///< for every rank; an empty name is not allowed
  std::vector<std::pair<std::string, std::string>> mca;  ///< the user's; replaces ours of the same name
  std::vector<MpiSetting> elsewhere = {};  ///< of other nodes than the master, named in front of the place
  std::vector<std::string> command;        ///< program and arguments
};

/// Where a launcher with this full path looks for its daemon on each node; empty if that is not known.
[[nodiscard]] std::string daemon_path(const std::string& mpirun, const MpiVersion& mpi);

/// The whole line, in order: launcher, options, program. Errors: usage for an MPI that can't be started.
[[nodiscard]] Result<std::vector<MpiOption>> mpi_options(const MpiJob& job);

/// Shell text behind `set -- LINE`: settles collisions with the user's own settings
/// (src/ops/mpi/settings.sh), of which those of other nodes are in MpiJob::elsewhere; empty for an MPI that
/// has none. It stands behind find_settings_functions() of ops/node.
[[nodiscard]] std::string settle_settings(const MpiJob& job, const std::vector<MpiOption>& options);

/// Environment for the launcher, beside the line; it holds the values of the user's variables, so that they
/// stand on no command line.
[[nodiscard]] std::map<std::string, std::string> launcher_environment(const MpiJob& job);

/// The file `rsh` in the job's folder, which launchers start instead of ssh (src/ops/mpi/rsh.sh). It stands
/// behind `#!/bin/sh` and find_swift_text() of ops/node.
[[nodiscard]] std::string remote_shell(const MpiJob& job);
/// What a launcher does with its connections to its daemons.
enum class DaemonLinks {
  unknown,      ///< it may end them when the daemons run (Open MPI 5, Intel MPI), or be called several times
  counted,      ///< it keeps them as long as the job; one that is missing is a lost daemon (MPICH)
  looked_over,  ///< one ends with its daemon, and then shows what is left on the node (Open MPI 4 without a
                ///< tree)
};
/// The same for a user's own script, of whose launchers nothing is known.
[[nodiscard]] std::string remote_shell(const std::string& id, const std::string& folder,
                                       DaemonLinks links = DaemonLinks::unknown);

/// The hostfile in the words of this MPI.
[[nodiscard]] std::string hostfile_for(const MpiVersion& mpi, const std::vector<Place>& places);

/// All words of the line.
[[nodiscard]] std::vector<std::string> line_of(const std::vector<MpiOption>& options);

/// `python3 [flags] X.py` becomes `python3 [flags] -m mpi4py X.py`, and `-m MOD` and `-c CODE` likewise:
/// without it an exception in one rank leaves the others waiting for ever (mpi4py.run). Anything else is left
/// as it is.
[[nodiscard]] std::vector<std::string> through_mpi4py(std::vector<std::string> command);

/// True for `python3`, `/usr/bin/python3.11`, `python`, ...
[[nodiscard]] bool is_python(const std::string& program);

/// Environment for a user's own script, so that the daemons that its mpirun starts carry the mark too.
[[nodiscard]] std::map<std::string, std::string> script_environment(const std::string& id,
                                                                    const std::string& folder);

}  // namespace ec2mpi::ops
