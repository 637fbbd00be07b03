#include "ec2mpi/ssh/libssh/route.hpp"

#include <algorithm>

#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ssh/host_keys.hpp"
#include "src/ssh/libssh/target.hpp"

namespace ec2mpi::ssh {

namespace {

Hop hop_to(const Node& node, const Target& target, const LibsshOptions& options) {
  Hop hop{.host = target.host,
          .port = target.port,
          .user = target.user,
          .keys = {},
          .only_keys = !target.credentials.all_of_agent,
          .agent = target.configured_agent,
          .host_key_name = host_key_name(key_owner(node, target))};
  const auto add = [&hop](const std::filesystem::path& file) {
    auto key = std::filesystem::absolute(file);
    if (std::ranges::find(hop.keys, key) == hop.keys.end()) hop.keys.push_back(std::move(key));
  };
  for (const auto& key : options.keys) add(key.file());
  for (const auto& file : target.identity_files) add(file);
  // ssh offers the agent's keys in front of a file's, and sshd ends a login after too many of them. The key
  // of a jump host may be in the agent only.
  if (target.role == Role::node && !options.keys.empty()) hop.only_keys = true;
  return hop;
}

}  // namespace

Result<std::vector<Route>> find_routes(const LibsshOptions& options, const std::vector<Node>& nodes) {
  TargetFinder targets(options, TargetFinder::Reports::none);
  std::vector<Route> routes;
  for (const auto& node : nodes) {
    TRY_AS(target, targets.target_of(node));
    Route route{.node = hop_to(node, *target, options), .jump = {}};
    if (target->jump) {
      TRY_AS(jump, targets.target_of_jump(*target->jump));
      route.jump = hop_to(*target->jump, *jump, options);
    }
    routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace ec2mpi::ssh
