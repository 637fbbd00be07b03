#pragma once
/// Instances that cost money and that the list of their cluster does not have.

#include <string>
#include <vector>

#include "src/cli/commands/instances.hpp"

namespace ec2mpi::cli {

/// The tag of new instances in a list of instances that others have started, after the first of them.
[[nodiscard]] std::string adopting_cluster(const std::string& first_id);

/// "ec2mpi down --ids i-0123… --region us-east-2". It names region and profile, because another shell may
/// have other ones.
[[nodiscard]] std::string end_command(const InstanceContext& context, const std::vector<std::string>& ids);

/// The command that was typed, for a repetition: it means the same instances, which after a change stand for
/// the numbers of -w.
[[nodiscard]] std::string repeated_down(const InstanceContext& context, const std::vector<std::string>& ids);

struct Unlisted {
  std::vector<cloud::Instance> instances = {};
  bool launch_at_work =
      false;  ///< another ec2mpi may have started them just now, and write them into the list
};

/// Live instances with the tag of a cluster to which `known` instances of the list belong; with --cluster,
/// all live ones of that cluster.
[[nodiscard]] asio::awaitable<cloud::Answer<Unlisted>> find_unlisted(InstanceContext& context,
                                                                     std::vector<cloud::Instance> known);

/// Names them, and the command that ends them. Nothing for none.
void report_unlisted(const InstanceContext& context, const Unlisted& unlisted);

}  // namespace ec2mpi::cli
