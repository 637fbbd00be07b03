#pragma once
/// Explains the text of a failed login between nodes. Pure.

#include <string>
#include <string_view>

namespace ec2mpi::ops {

struct LoginTrouble {
  enum class Fix {
    unknown,     ///< nothing is known to help
    setup,       ///< `ec2mpi setup` fixes it
    owner,       ///< `path` on the node that logs in has a wrong owner or mode
    client,      ///< the node that logs in has no ssh
    connection,  ///< the same as for any TCP connection
  };
  std::string cause;
  Fix fix = Fix::unknown;
  std::string path = {};
};

/// `said` is what ssh printed. A text that is not known is its own cause.
[[nodiscard]] LoginTrouble explain_login(std::string_view said);

}  // namespace ec2mpi::ops
