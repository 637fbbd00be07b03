#pragma once
/// A script run as root on one node.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/exec/exec.hpp"
#include "ec2mpi/ops/node/root_access.hpp"

namespace ec2mpi::ops {

/// Whether there is a way to root: by itself, or with a password that can be asked for.
[[nodiscard]] bool can_be_root(RootAccess access, const PasswordSource& password);

struct RootScript {
  std::string text;
  std::vector<std::string> arguments;                  ///< stand in the command line: no secrets
  std::string input = {};                              ///< given to the script once it has begun
  std::function<void(std::string_view)> on_line = {};  ///< of its standard output
};

/// The password and the input go by standard input. Unlike a command of exec, the script is not ended when
/// the limit ends: an installation of packages must not stop in the middle. Errors: those of the session;
/// auth if sudo refuses; remote_io with the last line of the script's standard error.
[[nodiscard]] asio::awaitable<Result<void>> run_as_root(NodeRun run, RootAccess access,
                                                        PasswordSource password, RootScript script);

}  // namespace ec2mpi::ops
