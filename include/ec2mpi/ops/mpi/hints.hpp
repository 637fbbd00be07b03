#pragma once
/// Known error texts of mpirun, ssh and Python, translated: what the cause is and what to type. Pure.

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ec2mpi::ops {

struct Hint {
  std::string cause;    ///< a clause, without a full stop; may name a host, file or module of the output
  std::string command;  ///< the one line to type

  /// "CAUSE: COMMAND".
  [[nodiscard]] std::string text() const { return cause + ": " + command; }
};

/// The known facts of the job, besides its output.
struct HintContext {
  std::map<std::string, std::string> names = {};  ///< the nodes' labels by their addresses and host names
  std::string program = {};                       ///< the first word of its command
  std::string failed_host = {};  ///< of the rank that failed first, or its label; may be empty
  bool python3 = false;          ///< every node has a python3
  bool whole = true;  ///< the output shows what is a page of Open MPI; false: it is a single line of it
};

/// The hint for the most telling of the known texts in what a program printed (its last few kilobytes do);
/// nothing if none is known. Words of Open MPI's pages count only between its lines of dashes, because the
/// user's program may print them, too. The result is printable.
[[nodiscard]] std::optional<Hint> hint_for(std::string_view output, const HintContext& context = {});

}  // namespace ec2mpi::ops
