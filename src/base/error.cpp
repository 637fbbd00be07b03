#include "ec2mpi/base/error.hpp"

namespace ec2mpi {

/// The switch has no default: the compiler reports a kind that has no name yet.
std::string_view kind_name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return "usage";
    case ErrorKind::inventory:
      return "inventory";
    case ErrorKind::local_io:
      return "local_io";
    case ErrorKind::unreachable:
      return "unreachable";
    case ErrorKind::host_key:
      return "host_key";
    case ErrorKind::auth:
      return "auth";
    case ErrorKind::timeout:
      return "timeout";
    case ErrorKind::protocol:
      return "protocol";
    case ErrorKind::remote_io:
      return "remote_io";
    case ErrorKind::cancelled:
      return "cancelled";
  }
  return "unknown";
}

}  // namespace ec2mpi
