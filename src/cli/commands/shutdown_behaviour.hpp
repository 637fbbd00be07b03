#pragma once
/// What EC2 does with an instance that shuts itself down: one place decides which behaviour a rule for idle
/// instances needs.

#include <asio/awaitable.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/cloud/ec2.hpp"
#include "src/cli/commands/instances.hpp"

namespace ec2mpi::cli {

/// The behaviour that the rule needs. Nothing where the present one stays: ec2mpi ends no instance that
/// others have started, nor one that a job is to stop, and a spot instance ends anyway.
[[nodiscard]] std::optional<cloud::ShutdownBehaviour> behaviour_for(const cloud::Instance& instance,
                                                                    const cloud::IdleRule& rule);

/// Whether the rule can be kept, and EC2 would let the behaviour be changed. Nothing is changed. Errors:
/// those of EC2; usage, if a spot instance of `up` would have to stop.
[[nodiscard]] asio::awaitable<cloud::Answer<void>> may_set_behaviour(InstanceContext& context,
                                                                     std::vector<cloud::Instance> instances,
                                                                     cloud::IdleRule rule);

/// The instances of which EC2 has not changed the behaviour: their ids, by the words of the error.
using BehaviourRefusals = std::map<std::string, std::vector<std::string>>;

/// Gives those of the instances this behaviour for which the rule needs it.
[[nodiscard]] asio::awaitable<BehaviourRefusals> set_behaviour(InstanceContext& context,
                                                               std::vector<cloud::Instance> instances,
                                                               cloud::IdleRule rule,
                                                               cloud::ShutdownBehaviour behaviour);

}  // namespace ec2mpi::cli
