#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/address_choice.hpp"
#include "ec2mpi/cluster/node.hpp"

namespace ec2mpi {

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

struct ReadOptions {
  AddressChoice address = AddressChoice::automatic;
  bool choose_addresses = true;  ///< false: leave `Node::address` empty for a later choose_addresses()
  bool addresses_required =
      true;  ///< false: accept instances without any address (bare ids); implies no choice
};

/// Reads a list in any of the forms that docs/ describes; the form is told by the content, never by the name.
/// `source_name` stands in messages only. Reads `bytes` in linear time.
/// Errors: ErrorKind::inventory, `FILE:LINE: what is wrong; what to do next`, free of control characters.
[[nodiscard]] Result<Inventory> parse_inventory(std::string_view bytes, std::string_view source_name,
                                                const ReadOptions& options = {});

/// Reads the file and parses it. Also ErrorKind::local_io if the file cannot be read.
[[nodiscard]] Result<Inventory> load_inventory(const std::filesystem::path& path,
                                               const ReadOptions& options = {});

}  // namespace ec2mpi
