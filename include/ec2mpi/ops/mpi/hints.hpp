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

/// The hint for the most telling of the known texts in what a program printed (its last few kilobytes do);
/// nothing if none is known. `names` gives the nodes' labels by their addresses. The result is printable.
[[nodiscard]] std::optional<Hint> hint_for(std::string_view output,
                                           const std::map<std::string, std::string>& names = {});

}  // namespace ec2mpi::ops
