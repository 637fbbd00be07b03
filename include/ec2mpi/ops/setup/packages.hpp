#pragma once
/// Which packages a node lacks for MPI, and how they are installed there.

#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/ops/setup/survey.hpp"

namespace ec2mpi::ops {

enum class MpiChoice { any, open_mpi, mpich };

struct PackagePlan {
  std::string manager;                ///< "apt" or "dnf"
  std::vector<std::string> packages;  ///< of the distribution, by its names; without mpi4py's
  bool mpi4py = false;                ///< to be installed
  std::string mpi4py_package;         ///< empty where only pip has one for this MPI
  std::string compiler;               ///< the mpicc that pip would build with

  [[nodiscard]] bool empty() const { return packages.empty() && !mpi4py; }
  /// All names, pip's among them, for people.
  [[nodiscard]] std::vector<std::string> names() const;
};

/// What is there and good is left alone: any MPI is, unless the choice asks for another one. Errors:
/// remote_io, where it can't be done by packages; the message says what to type.
[[nodiscard]] Result<PackagePlan> plan_packages(const Survey& survey, MpiChoice choice);

/// To be run as root with the arguments below. Waits for cloud-init and for the package manager's lock,
/// minutes if need be; goes on when nobody listens any more. Prints `doing TEXT` lines, and on failure the
/// reason to standard error.
extern const char* const kInstallScript;
[[nodiscard]] std::vector<std::string> install_arguments(const PackagePlan& plan);

}  // namespace ec2mpi::ops
