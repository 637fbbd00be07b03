#pragma once
/// Expected trouble, sorted by what the reader can do next. Exceptions are for bugs only.

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace ec2mpi {

enum class ErrorKind {
  usage,        ///< the command line or a setting is wrong: correct it
  inventory,    ///< the instance list is wrong: correct the line named
  local_io,     ///< a file or the terminal of this machine: look at the path named
  unreachable,  ///< no connection to the node: security group, stopped, moved
  host_key,  ///< the node showed a key that is not the remembered one: do not continue before it is explained
  auth,      ///< the node refused the user or the key
  timeout,   ///< a limit that was set ran out
  protocol,  ///< the node or its sshd spoke in a way that is not understood
  remote_io,  ///< a file or command on the node failed
  cancelled,  ///< the user ended it
};

struct Error {
  ErrorKind kind;
  std::string message;

  /// The same error with the interrupted step in front: "node3: push app.tar: no space left on device".
  [[nodiscard]] Error within(std::string_view context) const {
    return {kind, std::string(context) + ": " + message};
  }
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorKind kind, std::string message) {
  return std::unexpected(Error{kind, std::move(message)});
}

/// The kind's name as it stands in --json: "host_key", "timeout", ...
[[nodiscard]] std::string_view kind_name(ErrorKind kind);

}  // namespace ec2mpi
