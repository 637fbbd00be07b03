#include "ec2mpi/base/extents.hpp"

#include <unistd.h>
#include <algorithm>
#include <cerrno>

namespace ec2mpi {

namespace {

// Each part costs two system calls here and two lines in an archive's map of holes.
constexpr std::size_t kMostExtents = 10'000;

}  // namespace

std::vector<Extent> data_extents(int fd, std::uint64_t from, std::uint64_t end) {
  std::vector<Extent> all{{0, end - from}};
  std::vector<Extent> extents;
  for (auto at = from; at < end;) {
    const auto data = ::lseek(fd, static_cast<off_t>(at), SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // only a hole is left
    // EINVAL: this file system does not know SEEK_DATA.
    if (data < 0 || extents.size() == kMostExtents) return all;
    const auto begin = static_cast<std::uint64_t>(data);
    if (begin >= end) break;
    const auto hole = ::lseek(fd, data, SEEK_HOLE);
    // An error, or another program cuts the file at this moment.
    if (hole <= data) return all;
    at = std::min(static_cast<std::uint64_t>(hole), end);
    extents.push_back({begin - from, at - begin});
  }
  return extents;
}

std::uint64_t bytes_in(const std::vector<Extent>& extents) {
  std::uint64_t bytes = 0;
  for (const auto& extent : extents) bytes += extent.size;
  return bytes;
}

}  // namespace ec2mpi
