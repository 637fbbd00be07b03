#pragma once
/// The end of an instance's life, as its tags have it, and what the instances cost.

#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/cloud/ec2.hpp"
#include "ec2mpi/cloud/prices.hpp"
#include "src/cli/commands/instances.hpp"

namespace ec2mpi::cli {

/// The tags of a life that ends then. The rule for idle instances has one only if there is a rule.
[[nodiscard]] cloud::Tags life_tags(cloud::Moment end, cloud::Seconds length, const cloud::IdleRule& idle);

/// When it ends; nothing if it has no such tag, or the tag has another form.
[[nodiscard]] std::optional<cloud::Moment> end_of_life(const cloud::Instance& instance);

/// "ends in 7 h 12 min"; in its last half hour with the command that moves the end. Empty without an end.
[[nodiscard]] std::string end_words(const cloud::Instance& instance, cloud::Moment now);

/// What it costs an hour now; nothing if that is not known.
[[nodiscard]] std::optional<double> hourly_price(const cloud::Instance& instance,
                                                 const cloud::PriceList& prices);

/// Asks EC2 for the prices of the spot instances that run, if there are any. Without an answer `prices` stays
/// as it was.
[[nodiscard]] asio::awaitable<void> add_spot_prices(InstanceContext& context,
                                                    const std::vector<cloud::Instance>& instances,
                                                    cloud::PriceList& prices);

/// What it has cost since its last start, at its present price; nothing if that is not known or it does not
/// run.
[[nodiscard]] std::optional<double> cost_so_far(const cloud::Instance& instance,
                                                const cloud::PriceList& prices, cloud::Moment now);

/// "3 run: 0.32 an hour, 1.20 since their start, by [prices]", and those without a price. Empty if none runs.
[[nodiscard]] std::string cost_words(const std::vector<cloud::Instance>& instances,
                                     const cloud::PriceList& prices, cloud::Moment now);

/// The life that a start begins: if the old one is over, it has the length of the old one. Nothing else.
[[nodiscard]] std::optional<cloud::Tags> life_after_start(const cloud::Instance& instance, cloud::Moment now);

}  // namespace ec2mpi::cli
