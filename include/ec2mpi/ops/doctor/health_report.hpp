#pragma once
/// What doctor asks a node about itself, beyond what `NodeFacts` hold: one script, one strictly parsed
/// answer.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/facts.hpp"
#include "ec2mpi/ops/process/sweep.hpp"

namespace ec2mpi::ops {

struct MpiProgram {
  std::string path;
  std::optional<MpiVersion> version;  ///< nothing if it doesn't tell
};

struct Interface {
  std::string name;
  Ipv4 address;
  int prefix = 32;
  int mtu = 0;  ///< bytes; 0 = not known
};

/// What a file of `doctor FILE...` is on a node.
struct FileState {
  enum class Kind { sum, missing, unreadable };
  Kind kind = Kind::missing;
  std::string sum;  ///< SHA-256 in hexadecimal: of the content, or of all files of a folder
  auto operator<=>(const FileState&) const = default;
};

/// A limit of the processes on a node; one that is missing in a report is unlimited, or not known.
struct ProcessLimit {
  std::uint64_t value = 0;  ///< as `ulimit` prints it; of the umask the octal digits
  std::string line;     ///< "FILE:NUMBER:TEXT", a line about it in a start-up file; empty if there is none
  bool can_go = false;  ///< nothing else is lost if that line is deleted
};

struct HealthReport {
  double clock = 0;                      ///< the node's, in seconds since 1970, when the script began
  bool quiet = true;                     ///< nothing was printed before our script: no greeting in ~/.bashrc
  std::string user;                      ///< login name
  std::vector<MpiProgram> mpiruns;       ///< in the PATH of a command over ssh; links to one file count once
  std::string mpi4py_version;            ///< empty if it can't be imported
  std::optional<MpiVersion> mpi4py_mpi;  ///< which MPI it was built with; nothing if that is not known
  std::string mpi4py_error;              ///< what Python said when it couldn't be imported
  std::vector<MpiSetting> settings;
  std::map<std::string, std::set<std::string>> components;  ///< of Open MPI, for settings that choose some
  std::string settings_error;  ///< what a program of MPI says that does not start with the settings
  bool own_name_resolves = false;
  int own_name_ms = 0;           ///< how long that took
  std::string names_error = {};  ///< why no name can be looked up there; empty if one can
  std::uint64_t home_free = 0;   ///< bytes that the user may still write
  std::string home_error = {};   ///< why nothing can be made in the home; empty if it can
  std::uint64_t tmp_free = 0;
  std::uint64_t shm_free = 0;
  std::uint64_t shm_size = 0;                 ///< 0 = not known
  std::string temp;                           ///< folder for temporary files: TMPDIR or /tmp
  std::string temp_error;                     ///< why nothing can be made there; empty if it can
  std::string temp_type;                      ///< of its file system: "tmpfs"
  std::optional<std::uint64_t> temp_inodes;   ///< free; nothing where there is no limit
  std::vector<std::string> foreign_sessions;  ///< of Open MPI in the user's name, but owned by another
  std::vector<std::string> closed_sessions;   ///< owned by this user, who may not write there
  std::uint64_t memory = 0;                   ///< bytes of the machine
  std::uint64_t memory_available = 0;
  std::map<std::string, ProcessLimit> limits;  ///< soft ones, by their letter of `ulimit`; and "umask"
  std::vector<Interface> interfaces;           ///< IPv4, loopback included; empty where `ip` is missing
  std::vector<Process> leftovers;              ///< ranks of earlier jobs without mpirun or daemon
  std::vector<FileState> files;                ///< in the order asked
  std::string zone;                            ///< from the metadata service; empty if it doesn't tell
  std::string placement_group;
  std::string instance_id;
  std::string instance_type;
};

struct NodeAnswer {
  NodeFacts facts;
  HealthReport health;
};

/// The command for a node's login shell. `files` as remote_path gives them. It changes nothing; what may hang
/// in it has its own limits, half a minute at most.
[[nodiscard]] std::string health_command(const std::vector<std::string>& files);

/// Reads what that command printed. Every line counts; an unknown, repeated, missing or unlikely one is an
/// error of kind remote_io, for the text comes from a machine that may be anything. Long lists are cut.
[[nodiscard]] Result<NodeAnswer> parse_health_report(std::string_view printed, std::size_t files);

/// Ends the given leftovers (TERM, KILL) after looking once more that they are leftovers.
[[nodiscard]] std::string end_leftovers_command();

}  // namespace ec2mpi::ops
