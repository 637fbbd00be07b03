#include "ec2mpi/cluster/list/read_inventory.hpp"

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/cluster/read/decode.hpp"
#include "ec2mpi/cluster/read/forms.hpp"
#include "src/cluster/list/address_choice.hpp"
#include "src/cluster/list/settle.hpp"

namespace ec2mpi {

Result<Inventory> parse_inventory(std::string_view bytes, std::string_view source_name,
                                  const ReadOptions& options) {
  const auto text = decode_list(bytes, source_name);
  if (!text) return std::unexpected(text.error());
  auto listing = read_listing(*text, source_name);
  if (!listing) return std::unexpected(std::move(listing.error()));
  auto inventory = settle(std::move(*listing), source_name, options.addresses_required);
  if (!inventory || !options.choose_addresses || !options.addresses_required) return inventory;
  if (auto chosen = choose_addresses(*inventory, options.address); !chosen) {
    return std::unexpected(std::move(chosen.error()));
  }
  return inventory;
}

Result<Inventory> load_inventory(const std::filesystem::path& path, const ReadOptions& options) {
  const auto bytes = read_file(path);
  if (!bytes) return std::unexpected(bytes.error());
  return parse_inventory(*bytes, path.string(), options);
}

}  // namespace ec2mpi
