#pragma once

#include <string>
#include <vector>

#include "ec2mpi/cluster/values/node.hpp"

namespace ec2mpi {

/// Which of a node's addresses to connect to.
enum class AddressChoice {
  automatic,    ///< the one kind that all nodes have: public, else IPv6, else private; a mixture is an error
  public_v4,    ///< public IPv4 (or a host name as given) of every node
  ipv6,         ///< IPv6 of every node
  private_v4,   ///< private IPv4 of every node
  behind_jump,  ///< what a jump host in the VPC reaches: private where there is one, else what there is
};

/// An instance of the list that is left out because its state is not `running`.
struct Skipped {
  std::string instance_id;
  std::string name;
  std::string state;
  int line = 0;
};

/// The machines of one list, in the list's order.
struct Inventory {
  std::vector<Node> nodes;       ///< never empty; index 1 stands first
  std::vector<Skipped> skipped;  ///< listed, but not running
  std::vector<std::string>
      notes;              ///< what the user should know: duplicates collapsed, guesses made, lines unused
  std::string source;     ///< name of the list for messages
  bool as_given = false;  ///< each node came with exactly one address, written as such by the user
  AddressChoice chosen =
      AddressChoice::automatic;  ///< public_v4, ipv6 or private_v4 once addresses are chosen;
                                 ///< stays automatic when nodes keep what was given

  [[nodiscard]] const Node& master() const { return nodes.front(); }
};

}  // namespace ec2mpi
