#pragma once
/// The things of a cluster besides its instances: security group, placement groups, key pair, private key.

#include <filesystem>
#include <string>
#include <string_view>

#include "src/cli/commands/instances.hpp"

namespace ec2mpi::cli {

/// Of our ssh rules; by it the rule of an earlier address is found.
inline constexpr const char* kRuleDescription = "ec2mpi";

/// The network that may log in by ssh: the named one, else the address of this machine. Errors: usage,
/// unreachable.
[[nodiscard]] asio::awaitable<Result<std::string>> choose_network(InstanceContext& context,
                                                                  std::optional<std::string> from);

/// The network of all IPv4 addresses.
inline constexpr const char* kEverybody = "0.0.0.0/0";

/// The network for the user's eyes: for the whole internet it says so.
[[nodiscard]] std::string shown_network(const std::string& network);

/// The name of the cluster's security group and key pair.
[[nodiscard]] std::string part_name(std::string_view cluster);

/// Where the cluster's private key lies: beside the list, so that all commands find it.
[[nodiscard]] std::filesystem::path key_file(const std::filesystem::path& list, std::string_view cluster);
void remove_key_file(const std::filesystem::path& list, std::string_view cluster);

struct PartsRemoved {
  bool all = true;        ///< nothing remains
  std::size_t count = 0;  ///< of the things that were there
};

/// Removes the groups and the key pair, which are found by their tag. Names those that remain, and why.
[[nodiscard]] asio::awaitable<PartsRemoved> remove_cluster_parts(InstanceContext& context,
                                                                 std::string cluster);

}  // namespace ec2mpi::cli
