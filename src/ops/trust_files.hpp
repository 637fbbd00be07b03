#pragma once
/// What setup writes on one node, and takes away again. See trust_script.hpp for the scripts.

#include <string>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/exec.hpp"
#include "ec2mpi/ops/survey.hpp"
#include "ec2mpi/ops/trust_text.hpp"

namespace ec2mpi::ops {

/// Writes files and blocks of the login user's, and looks whether they are there. Each file is whole, old or
/// new, whatever happens. Errors: those of the session, remote_io.
[[nodiscard]] asio::awaitable<Result<void>> write_texts(NodeRun run, std::vector<TrustText> texts);

/// The block in /etc/hosts. Errors: also auth.
[[nodiscard]] asio::awaitable<Result<void>> write_hosts(NodeRun run, RootAccess access,
                                                        PasswordSource password, std::string text);

/// The contraries.
[[nodiscard]] asio::awaitable<Result<void>> take_texts(NodeRun run);
[[nodiscard]] asio::awaitable<Result<void>> take_hosts(NodeRun run, RootAccess access,
                                                       PasswordSource password);

}  // namespace ec2mpi::ops
