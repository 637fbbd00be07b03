#pragma once

#include <cstdint>
#include <string>

namespace ec2mpi {

/// One machine of the cluster, as the list describes it. A plain value; texts hold no control characters.
struct Node {
  int index = 0;                  ///< 1 = first line of the list = the master
  std::string name;               ///< the Name tag or alias; empty where the console shows a dash
  std::string instance_id;        ///< "i-" and 8 or 17 hexadecimal digits, or empty
  std::string type;               ///< "c5n.large", or empty
  std::string public_address;     ///< public IPv4, or a host name as given; empty if none
  std::string ipv6;               ///< as RFC 5952 writes it, or empty
  std::string private_address;    ///< private IPv4, or empty
  std::string user;               ///< from `user@host`, else empty
  std::uint16_t port = 0;         ///< from `host:port`; 0 = not given
  int slots = 0;                  ///< from hostfiles; 0 = not given
  std::string launched;           ///< launch time as in the list
  std::string availability_zone;  ///< as in the list, may be empty
  std::string state;              ///< as in the list, may be empty
  int line = 0;                   ///< line of the source where the node stands, from 1
  std::string address;            ///< what to connect to; empty until addresses are chosen

  /// "node1", "node2", ...: short, and stable as long as the list's order is.
  [[nodiscard]] std::string label() const;

  bool operator==(const Node&) const = default;
};

}  // namespace ec2mpi
