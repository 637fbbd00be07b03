#pragma once
/// Where a file has data, and where holes that take no room on the disk.

#include <cstdint>
#include <vector>

namespace ec2mpi {

/// A part of a file, in bytes.
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;

  bool operator==(const Extent&) const = default;
};

/// The parts with data between `from` and `end`, in order, counted from `from`; the gaps between them read as
/// zeros. One part, all of it, where the file system can't tell or the parts are too many to be worth it.
/// Moves the descriptor's position.
[[nodiscard]] std::vector<Extent> data_extents(int fd, std::uint64_t from, std::uint64_t end);

[[nodiscard]] std::uint64_t bytes_in(const std::vector<Extent>& extents);

}  // namespace ec2mpi
