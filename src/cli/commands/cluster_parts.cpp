#include "src/cli/commands/cluster_parts.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cloud/instance_list.hpp"
#include "ec2mpi/cluster/values/address.hpp"

namespace ec2mpi::cli {

namespace {

/// A group is in use until EC2 has let go of the last network card, some seconds after the instance's end.
constexpr int kMostRemovals = 12;
constexpr auto kRemovalPause = std::chrono::seconds(5);

using Removal = std::function<asio::awaitable<cloud::Answer<void>>()>;

/// The things of a cluster besides its instances.
struct ClusterParts {
  std::vector<std::string> security_groups;
  std::vector<std::string> placement_groups;
  std::vector<std::string> key_pairs;
};

/// By the tag: no file here records these things, and another machine may have made them.
asio::awaitable<cloud::Answer<ClusterParts>> parts_of(InstanceContext& context, std::string cluster) {
  ClusterParts found;
  CO_TRY_AS(groups, co_await context.ec2.security_groups(cloud::of_cluster(cluster), context.limit()));
  for (const auto& group : *groups) found.security_groups.push_back(group.id);
  CO_TRY_AS(placements, co_await context.ec2.placement_groups(cloud::of_cluster(cluster), context.limit()));
  found.placement_groups = std::move(*placements);
  CO_TRY_AS(keys, co_await context.ec2.key_pairs(cloud::of_cluster(cluster), context.limit()));
  found.key_pairs = std::move(*keys);
  co_return std::move(found);
}

/// Repeats a removal while the thing is in use. A thing that is gone counts as removed.
asio::awaitable<bool> remove_one(InstanceContext& context, std::string what, Removal remove) {
  for (int attempt = 1;; ++attempt) {
    const auto removed = co_await remove();
    if (removed || removed.error().problem == cloud::Problem::not_found) co_return true;
    if (removed.error().problem == cloud::Problem::in_use && attempt < kMostRemovals) {
      const Wake wake = co_await sleep_for(kRemovalPause, context.limit());
      // After a Ctrl-C it is not tried again, but it is named as a thing that remains.
      if (wake != Wake::stopped) continue;
    }
    context.console().talk(fmt::format("ec2mpi: {} remains: {}", what, removed.error().message));
    co_return false;
  }
}

/// "203.0.113.7" is a network of one address; "203.0.113.0/24" is taken as it stands.
Result<std::string> network_of(const std::string& text) {
  const auto slash = text.find('/');
  const auto address = text.substr(0, slash);
  const auto bits =
      slash == std::string::npos ? std::optional<std::uint64_t>(32) : parse_number(text.substr(slash + 1));
  if (!is_ipv4(address) || !bits || *bits > 32)
    return fail(ErrorKind::usage,
                fmt::format("--from: '{}' is not an IPv4 address or network", printable(text)));
  in_addr raw{};
  ::inet_pton(AF_INET, address.c_str(), &raw);
  // A case of its own for /0: a shift by all 32 bits would be undefined in C++.
  const std::uint32_t mask = *bits == 0 ? 0 : ~std::uint32_t{0} << (32 - *bits);
  if ((ntohl(raw.s_addr) & ~mask) != 0)
    return fail(ErrorKind::usage, fmt::format("--from: '{}' is an address, not the first of a network of /{}",
                                              printable(text), *bits));
  return fmt::format("{}/{}", address, *bits);
}

}  // namespace

asio::awaitable<Result<std::string>> choose_network(InstanceContext& context,
                                                    std::optional<std::string> from) {
  // The address that the internet sees: behind a router, no interface of this machine has it.
  if (!from) {
    CO_TRY_AS(own, co_await cloud::find_own_address(cloud::process_environment(), context.limit()));
    from = std::move(*own);
  }
  co_return network_of(*from);
}

std::string shown_network(const std::string& network) {
  if (network != kEverybody) return network;
  return fmt::format("{}, which is everybody: every address of the internet may try to log in", network);
}

std::string part_name(std::string_view cluster) {
  return fmt::format("ec2mpi-{}", cluster);
}

std::filesystem::path key_file(const std::filesystem::path& list, std::string_view cluster) {
  return list.parent_path() / (part_name(cluster) + ".pem");
}

void remove_key_file(const std::filesystem::path& list, std::string_view cluster) {
  std::error_code ignored;
  // The name may be the value of a tag, which others can write: it must not lead to another folder.
  if (cloud::is_cluster_name(cluster)) std::filesystem::remove(key_file(list, cluster), ignored);
}

asio::awaitable<PartsRemoved> remove_cluster_parts(InstanceContext& context, std::string cluster) {
  const auto found = co_await parts_of(context, cluster);
  if (!found) {
    context.console().talk("ec2mpi: cannot look for the cluster's groups and keys: " + found.error().message);
    // Nobody knows now what remains, so `down` must not call it a success.
    const PartsRemoved none{false, 0};
    co_return none;
  }
  PartsRemoved removed{
      true, found->security_groups.size() + found->placement_groups.size() + found->key_pairs.size()};
  for (const auto& group : found->security_groups) {
    const Removal remove = [&context, &group] {
      return context.ec2.delete_security_group(group, context.limit());
    };
    const bool gone = co_await remove_one(context, "the security group " + group, remove);
    removed.all = removed.all && gone;
  }
  for (const auto& group : found->placement_groups) {
    const Removal remove = [&context, &group] {
      return context.ec2.delete_placement_group(group, context.limit());
    };
    const bool gone = co_await remove_one(context, "the placement group " + group, remove);
    removed.all = removed.all && gone;
  }
  for (const auto& key : found->key_pairs) {
    const Removal remove = [&context, &key] { return context.ec2.delete_key_pair(key, context.limit()); };
    const bool gone = co_await remove_one(context, "the key pair " + key, remove);
    removed.all = removed.all && gone;
  }
  co_return removed;
}

}  // namespace ec2mpi::cli
