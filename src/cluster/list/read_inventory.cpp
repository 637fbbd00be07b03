#include "ec2mpi/cluster/list/read_inventory.hpp"

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/read/decode.hpp"
#include "ec2mpi/cluster/read/listing.hpp"
#include "src/cluster/list/address_choice.hpp"
#include "src/cluster/list/build_inventory.hpp"

namespace ec2mpi {

Result<Inventory> parse_inventory(std::string_view bytes, std::string_view source_name,
                                  const ReadOptions& options) {
  TRY_AS(text, decode_list(bytes, source_name));
  TRY_AS(listing, read_listing(*text, source_name));
  auto inventory = build_inventory(std::move(*listing), source_name, options.addresses_required);
  if (!inventory || !options.choose_addresses || !options.addresses_required) return inventory;
  TRY(choose_addresses(*inventory, options.address));
  return inventory;
}

Result<Inventory> load_inventory(const std::filesystem::path& path, const ReadOptions& options) {
  TRY_AS(bytes, read_file(path));
  return parse_inventory(*bytes, path.string(), options);
}

}  // namespace ec2mpi
