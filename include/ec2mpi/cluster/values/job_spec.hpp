#pragma once
/// One MPI job as the user wants it: what [jobs.NAME] of ec2mpi.toml and the flags of `run` say. Pure.

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/parameters.hpp"

namespace ec2mpi {

/// What counts as one place for a rank.
struct Slots {
  enum class Kind { listed, cores, threads, fixed };
  Kind kind = Kind::listed;  ///< listed: as the list of nodes says, else cores
  int count = 0;             ///< for fixed: slots of every node
  bool operator==(const Slots&) const = default;
};

/// How many ranks are wanted; 0 = not said.
struct Ranks {
  int np = 0;        ///< in all; else one per slot
  int per_node = 0;  ///< on each node, whatever its slots
  int nodes = 0;     ///< the number of nodes; else all of them, or in a queue on as few as have room
};

/// The same before the parameters have values: "2*{agents}+1"; empty = not said.
struct RankFormulas {
  std::string np;
  std::string per_node;
  std::string nodes;
};

/// A run_NAME.sh of the user's, which starts mpirun itself.
struct JobScript {
  std::string name;                 ///< "run_spread.sh"
  std::optional<std::string> text;  ///< of the local file; nothing: it must be on the master
};

/// As read, command, formulas, push, pull, workdir and env may ask for parameters, `{agents}`.
struct JobSpec {
  std::string id = {};  ///< made when the job is started
  std::vector<std::string> command =
      {};  ///< program and arguments, each one word; of a script the arguments only
  std::optional<JobScript> script = {};
  std::string shown_as = {};  ///< what `jobs` shows instead of the command; empty: the command
  RankFormulas formulas = {};
  Ranks ranks = {};  ///< filled() calculates them from the formulas
  Slots slots = {};
  int spawn = 0;                       ///< slots to leave free for ranks that the program spawns
  std::vector<std::string> push = {};  ///< local files and folders that go to the workdir before each run
  std::vector<std::string> pull = {};  ///< paths to bring back after success; like workdir, but inside of it
  std::string workdir = {};            ///< absolute, or in the home, with or without `~/`; empty = the home
  std::map<std::string, std::string> env = {};  ///< set for every rank
  std::vector<std::pair<std::string, std::string>> mca = {};
  std::string mpirun = {};   ///< absolute path on the nodes; empty = the one in their PATH
  std::string map_by = {};   ///< as mpirun takes it; empty: ours
  std::string rank_by = {};  ///< likewise
  std::string hook = {};     ///< shell text for the master when the job is over; empty: none
  bool tag = false;          ///< the rank in front of each line of output
  bool mpi4py_run = true;    ///< python programs through mpi4py.run
  bool profile = false;      ///< count what each rank does in MPI
  std::string end_signal =
      {};  ///< "USR1": sent some time before the nodes end; empty: TERM, which ends the job
  std::chrono::nanoseconds timeout{};  ///< for the job, from its start; zero means none
  std::chrono::seconds hang{};    ///< it ends if it prints nothing that long and uses processors; zero: never
  std::vector<Sweep> sweep = {};  ///< [jobs.NAME.sweep], in its order
  bool of_user = false;           ///< from the user's own settings, not from a file beside the list

  /// With the values of the parameters in the place of their names. A parameter called np, per_node or nodes
  /// sets that number itself. Errors: usage.
  [[nodiscard]] Result<JobSpec> filled(const Parameters& parameters) const;

  /// Errors: usage, if a parameter is used nowhere in the job: its name was mistyped.
  [[nodiscard]] Result<void> check_used(const std::vector<Sweep>& sweeps) const;
};

}  // namespace ec2mpi
