#include "src/cli/commands/life_options.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/option_values.hpp"

namespace ec2mpi::cli {

namespace {

/// Shorter than that, a budget pays for no more than the start and the setup.
constexpr cloud::Seconds kLeastOfBudget = std::chrono::minutes(10);
constexpr cloud::Seconds kMostOfBudget = std::chrono::days(366);

/// The time, in whole minutes, after which `count` instances have cost `budget`. All of them count
/// as the dearest type, because EC2 may choose any of `types`. Errors: usage, if a price is unknown
/// or the time is too short.
Result<cloud::Seconds> length_of_budget(double budget, const cloud::PriceList& prices,
                                        const std::vector<std::string>& types, std::size_t count) {
  double dearest = 0;
  for (const auto& type : types) {
    const auto price = prices.hour_of(type);
    if (!price)
      return fail(ErrorKind::usage,
                  fmt::format("--budget: the price of {0} is not known; add it to [prices] of ec2mpi.toml, "
                              "as in \"{0}\" = 0.108",
                              type));
    dearest = std::max(dearest, *price);
  }
  // Types that cost nothing by [prices] get the longest life.
  const double hours = dearest > 0 ? budget / (dearest * static_cast<double>(count)) : 1e9;
  if (hours * 3600 >= static_cast<double>(kMostOfBudget.count())) return kMostOfBudget;
  // Rounded down, to stay within the budget.
  const auto length =
      std::chrono::floor<std::chrono::minutes>(std::chrono::duration<double, std::ratio<3600>>(hours));
  if (length < kLeastOfBudget)
    return fail(ErrorKind::usage,
                fmt::format("--budget: {} pays for {:.0f} minutes of {} instances at {} an hour each; ten "
                            "minutes are the least",
                            budget, hours * 60, count, dearest));
  return length;
}

/// Errors: usage, also for a number without a unit.
Result<cloud::Seconds> length_of_ttl(const std::string& text) {
  auto length = cloud::parse_span(text);
  if (!length) return std::unexpected(length.error().within("--ttl"));
  if (*length < cloud::kShortestLife)
    return fail(ErrorKind::usage,
                fmt::format("--ttl: {} is less than {}", text, cloud::span_text(cloud::kShortestLife)));
  return length;
}

}  // namespace

void add_life_options(CLI::App& command, LifeOptions& options) {
  constexpr const char* kEnd = "When the instances end by themselves";
  const auto ttl =
      add_option(command, "--ttl", options.ttl, "End after this time whatever happens: 90m, 12h, 7d [8h]")
          .type_name("TIME")
          .group(kEnd);
  add_option(command, "--budget", options.budget, "End when all together have cost this much, in USD")
      .type_name("AMOUNT")
      .transform(number(0.01, 1e6))
      .excludes(ttl)
      .group(kEnd);
  add_option(command, "--idle", options.idle,
             "Also after this time without any job or login: 2h=down, 1h=stop, 1h=stop,7d=down")
      .type_name("RULE")
      .group(kEnd);
}

Result<cloud::Lifetime> choose_lifetime(const LifeOptions& options, const cloud::PriceList& prices,
                                        const std::vector<std::string>& types, std::size_t count) {
  cloud::Lifetime life;
  if (options.ttl) {
    TRY_AS(length, length_of_ttl(*options.ttl));
    life.length = *length;
  }
  if (options.budget > 0) {
    TRY_AS(length, length_of_budget(options.budget, prices, types, count));
    life.length = *length;
  }
  if (options.idle) {
    auto rule = cloud::parse_idle(*options.idle);
    if (!rule) return std::unexpected(rule.error().within("--idle"));
    life.idle = *rule;
    // Such a rule could never act: the instances end before its time.
    if (rule->first() >= life.length)
      return fail(ErrorKind::usage,
                  fmt::format("--idle: after {} the life of {} is over; choose a longer --ttl",
                              cloud::span_text(rule->first()), cloud::span_text(life.length)));
  }
  return life;
}

std::string price_words(const cloud::PriceList& prices, const std::string& type, std::size_t count,
                        cloud::Seconds length) {
  const auto price = prices.hour_of(type);
  if (!price) return "price unknown; [prices] of ec2mpi.toml has no such type";
  const double hour = *price * static_cast<double>(count);
  const double hours = std::chrono::duration<double, std::ratio<3600>>(length).count();
  return fmt::format("{:.2f} an hour, {:.2f} until the end of life, by {}", hour, hour * hours,
                     prices.source_of(type));
}

std::vector<std::string> life_words(const cloud::Lifetime& life, cloud::Moment end) {
  // EC2 gives an instance one shutdown behaviour, so a rule with =stop also turns the end of its
  // life into a stop, and the disks continue to cost.
  const bool stops = life.behaviour() == cloud::ShutdownBehaviour::stop;
  std::vector<std::string> lines;
  lines.push_back(
      fmt::format("{} at {} (--ttl {}); {}", stops ? "stop by themselves" : "end by themselves",
                  cloud::moment_text(end), cloud::span_text(life.length),
                  stops ? "their disks stay and cost money until ec2mpi down"
                        : "results that only lie on them are then lost; ec2mpi extend moves the end"));
  if (!life.idle.empty())
    lines.push_back(fmt::format("{} after {} without any job or login", stops ? "also stop" : "also end",
                                cloud::span_text(life.idle.first())));
  if (stops && life.idle.down != cloud::Seconds::zero())
    lines.push_back(
        fmt::format("a stopped instance cannot end itself: after {} ec2mpi status asks for ec2mpi down",
                    cloud::span_text(life.idle.down)));
  return lines;
}

}  // namespace ec2mpi::cli
