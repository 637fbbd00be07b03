#pragma once
/// Which MPI a node has.

#include <optional>
#include <string>
#include <string_view>

namespace ec2mpi {

enum class MpiFlavour { open_mpi, mpich, intel_mpi };

struct MpiVersion {
  MpiFlavour flavour = MpiFlavour::open_mpi;
  int major = 0;     ///< 4 of 4.1.4; the year for Intel MPI
  std::string text;  ///< "4.1.4", "5.0.7rc1", "2021.10": as the program says it

  /// "Open MPI 4.1.4".
  [[nodiscard]] std::string name() const;
  bool operator==(const MpiVersion&) const = default;
};

/// What `mpirun --version` says, whatever the program is called: `mpirun (Open MPI) 4.1.4`,
/// `mpiexec (OpenRTE) 4.0.3`, `HYDRA build details:` with `Version: 4.2.1`, `Intel(R) MPI Library ...,
/// Version 2021.10`. Nothing if it is none of them.
[[nodiscard]] std::optional<MpiVersion> parse_mpi_version(std::string_view said);

/// The first line of what MPI_Get_library_version gives: `Open MPI v4.1.4, package: ...`, `MPICH
/// Version: 4.0.2`, `Intel(R) MPI Library 2021.10 for Linux* OS`. Nothing if it is none of them.
[[nodiscard]] std::optional<MpiVersion> parse_mpi_library(std::string_view line);

}  // namespace ec2mpi
