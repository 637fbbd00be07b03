#pragma once
/// Which packages a node lacks for MPI, and how they are installed there.

#include <asio/awaitable.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/exec/exec.hpp"
#include "ec2mpi/ops/setup/setup_state.hpp"

namespace ec2mpi::ops {

enum class MpiChoice { any, open_mpi, mpich };

struct PackagePlan {
  std::string manager;                ///< "apt" or "dnf"
  std::vector<std::string> packages;  ///< of the distribution, by its names; without the one of mpi4py
  bool mpi4py = false;                ///< install it as well
  std::string mpi4py_package;         ///< empty if only pip has one for this MPI
  std::string compiler;               ///< the mpicc for a build by pip
  MpiChoice choice = MpiChoice::any;

  [[nodiscard]] bool empty() const { return packages.empty() && !mpi4py; }
  /// All names, pip's among them, for people.
  [[nodiscard]] std::vector<std::string> names() const;
};

/// Packages that are there are left alone; so is any MPI, unless the choice asks for another one. Errors:
/// remote_io, if packages cannot do it; the message has the line to type.
[[nodiscard]] Result<PackagePlan> plan_packages(const SetupState& state, MpiChoice choice);

/// Installs them on one node, and looks whether they are found then. `on_doing` gets the present work, for
/// the progress line. What has begun continues on the node when the connection ends. Errors: those of
/// run_as_root, remote_io.
[[nodiscard]] asio::awaitable<Result<void>> install_packages(NodeRun run, RootAccess access,
                                                             PasswordSource password, PackagePlan plan,
                                                             std::function<void(std::string_view)> on_doing);

}  // namespace ec2mpi::ops
