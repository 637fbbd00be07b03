// The whole reader, from bytes to chosen addresses, and back from the files that are written of them.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "ec2mpi/cluster/list/inventory_text.hpp"
#include "ec2mpi/cluster/list/read_inventory.hpp"
#include "ec2mpi/cluster/read/state_words.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "src/cluster/list/address_choice.hpp"
#include "src/cluster/read/host_of.hpp"
#include "src/cluster/read/word_tables.hpp"

namespace {

using ec2mpi::AddressChoice;
using ec2mpi::Inventory;
using ec2mpi::Node;

void require(bool holds) {
  if (!holds) std::abort();
}

bool has_control(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7F) return true;
  }
  return false;
}

/// Never a word that is no address: a bare word is a host only where a plain list makes it one.
void check_host(const std::string& host, bool plain_list) {
  if (host.empty()) return;
  require(ec2mpi::host_of(host, plain_list ? ec2mpi::BareWords::allowed : ec2mpi::BareWords::refused)
              .has_value());
}

void check_node(const Node& node, int index, bool plain_list) {
  require(node.index == index && node.line >= 1);
  const auto state = ec2mpi::state_word(node.state);
  require(node.state.empty() || (state && state->running));
  for (const std::string* text :
       {&node.name, &node.type, &node.launched, &node.availability_zone, &node.state}) {
    require(!has_control(*text) && text->find('\n') == std::string::npos);
  }
  for (const std::string* host : {&node.public_address, &node.private_address, &node.ipv6}) {
    check_host(*host, plain_list);
  }
  require(node.ipv6.empty() || ec2mpi::canonical_ipv6(node.ipv6) == node.ipv6);
  require(node.user.empty() || ec2mpi::is_user_name(node.user));
}

/// A name without a dot, which a plain list refuses among other hosts.
bool is_bare_name(const Node& node) {
  return node.address.find_first_of(".:") == std::string::npos && !node.address.starts_with("ip-");
}

/// The addresses that are written are read again as the same, unless one is a word that also names a column,
/// or bare names are mixed with other hosts (by Ansible, or beside a user or a port that is not written).
void check_round_trip(const Inventory& inventory) {
  std::size_t bare = 0;
  for (const Node& node : inventory.nodes) {
    require(!node.address.empty());
    if (ec2mpi::field_of_label(node.address) != ec2mpi::Field::unknown) return;
    if (is_bare_name(node)) ++bare;
  }
  if (bare > 0 && bare < inventory.nodes.size()) return;
  const auto again = ec2mpi::parse_inventory(ec2mpi::hostfile_text(inventory), "again");
  require(again.has_value() && again->nodes.size() == inventory.nodes.size());
  for (std::size_t i = 0; i < again->nodes.size(); ++i) {
    require(again->nodes[i].address == inventory.nodes[i].address);
    require(again->nodes[i].slots == inventory.nodes[i].slots);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto inventory = ec2mpi::parse_inventory(bytes, "list", {.choose_addresses = false});
  if (!inventory) {
    require(!inventory.error().message.empty() && !has_control(inventory.error().message));
    return 0;
  }
  require(!inventory->nodes.empty());
  int index = 0;
  for (const Node& node : inventory->nodes) check_node(node, ++index, inventory->as_given);
  for (const AddressChoice choice : {AddressChoice::automatic, AddressChoice::public_v4, AddressChoice::ipv6,
                                     AddressChoice::private_v4, AddressChoice::behind_jump}) {
    const auto chosen = choose_addresses(*inventory, choice);
    require(chosen.has_value() || !has_control(chosen.error().message));
    if (chosen) check_round_trip(*inventory);
  }
  return 0;
}
