#include "ec2mpi/ssh/round_trip.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <cstdint>

namespace ec2mpi::ssh {

namespace {

/// The kernel's structure (linux/tcp.h), which is longer than the one in glibc's header.
struct TcpInfo {
  tcp_info known;
  std::uint64_t rates_and_bytes[4];
  std::uint32_t segments[2];
  std::uint32_t not_sent;
  std::uint32_t least_round_trip;  ///< microseconds
};
static_assert(sizeof(tcp_info) == 104 && sizeof(TcpInfo) == 152);

}  // namespace

std::optional<std::chrono::milliseconds> unconfirmed_for(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_unacked == 0)
    return std::nullopt;
  return std::chrono::milliseconds(info.tcpi_last_ack_recv);
}

std::optional<std::chrono::microseconds> round_trip_of(int socket) {
  TcpInfo info{};
  socklen_t size = sizeof info;
  // An older kernel fills fewer bytes, and the unix socket of a tunnel has no such values.
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || size < sizeof info)
    return std::nullopt;
  return std::chrono::microseconds(info.least_round_trip);
}

}  // namespace ec2mpi::ssh
