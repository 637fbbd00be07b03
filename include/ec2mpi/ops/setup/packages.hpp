#pragma once
/// Which packages a node lacks for MPI, and how they are installed there.

#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/ops/setup/setup_state.hpp"

namespace ec2mpi::ops {

enum class MpiChoice { any, open_mpi, mpich };

struct PackagePlan {
  std::string manager;                ///< "apt" or "dnf"
  std::vector<std::string> packages;  ///< of the distribution, by its names; without the one of mpi4py
  bool mpi4py = false;                ///< install it as well
  std::string mpi4py_package;         ///< empty if only pip has one for this MPI
  std::string compiler;               ///< the mpicc for a build by pip

  [[nodiscard]] bool empty() const { return packages.empty() && !mpi4py; }
  /// All names, pip's among them, for people.
  [[nodiscard]] std::vector<std::string> names() const;
};

/// Packages that are there are left alone; so is any MPI, unless the choice asks for another one. Errors:
/// remote_io, if packages cannot do it; the message has the line to type.
[[nodiscard]] Result<PackagePlan> plan_packages(const SetupState& state, MpiChoice choice);

/// The arguments of install_packages.sh.
[[nodiscard]] std::vector<std::string> install_arguments(const PackagePlan& plan);

}  // namespace ec2mpi::ops
