#include "ec2mpi/cluster/list/read_inventory.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/plain_text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/read/listing.hpp"
#include "ec2mpi/cluster/values/own_table.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "src/cluster/list/address_choice.hpp"
#include "src/cluster/list/build_inventory.hpp"

namespace ec2mpi {

namespace {

Result<std::string> text_of(std::string_view bytes, std::string_view source) {
  // A million instances as JSON take less.
  constexpr std::size_t kMostBytes = std::size_t{256} << 20U;
  if (bytes.size() > kMostBytes) return bad_list(source, 0, "this is too large to be a list of instances");
  auto text = plain_text(bytes);
  if (text) return std::move(*text);
  return bad_list(source, text.error().line,
                  fmt::format("{}; save the list as plain text in UTF-8", text.error().problem));
}

}  // namespace

Result<Inventory> parse_inventory(std::string_view bytes, std::string_view source_name,
                                  const ReadOptions& options) {
  TRY_AS(text, text_of(bytes, source_name));
  TRY_AS(listing, read_listing(*text, source_name));
  auto inventory =
      build_inventory(std::move(*listing), source_name, options.addresses_required, is_own_table(*text));
  if (!inventory || !options.choose_addresses || !options.addresses_required) return inventory;
  TRY(choose_addresses(*inventory, options.address));
  return inventory;
}

Result<Inventory> load_inventory(const std::filesystem::path& path, const ReadOptions& options) {
  TRY_AS(bytes, read_file_or_pipe(path));
  return parse_inventory(*bytes, path.string(), options);
}

}  // namespace ec2mpi
