#pragma once
/// --ttl, --budget and --idle of up, and the words for them.

#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/cloud/lifetime.hpp"
#include "ec2mpi/cloud/prices.hpp"

namespace CLI {
class App;
}

namespace ec2mpi::cli {

struct LifeOptions {
  std::optional<std::string> ttl = {};
  std::optional<std::string> idle = {};
  double budget = 0;  ///< USD, or the unit of [prices]; 0: none
};

void add_life_options(CLI::App& command, LifeOptions& options);

/// The life that these ask for. A budget counts with the dearest of the types. Errors: usage.
[[nodiscard]] Result<cloud::Lifetime> choose_lifetime(const LifeOptions& options,
                                                      const cloud::PriceList& prices,
                                                      const std::vector<std::string>& types,
                                                      std::size_t count);

/// "0.43 an hour, 3.46 until the end of life, by [prices]", or that the price is not known.
[[nodiscard]] std::string price_words(const cloud::PriceList& prices, const std::string& type,
                                      std::size_t count, cloud::Seconds length);

/// Lines that say when the instances end, and what is lost then.
[[nodiscard]] std::vector<std::string> life_words(const cloud::Lifetime& life, cloud::Moment end);

}  // namespace ec2mpi::cli
