#include "ec2mpi/cloud/prices.hpp"

#include <fmt/format.h>
#include <charconv>

#include "ec2mpi/base/text.hpp"
#include "src/cloud/price_table.hpp"

namespace ec2mpi::cloud {

namespace {

std::optional<double> find(const std::map<std::string, double>& prices, const std::string& name) {
  const auto found = prices.find(name);
  return found == prices.end() ? std::nullopt : std::optional(found->second);
}

/// Of our own table, so the form of the number is known.
double number_in(std::string_view text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

PriceList::PriceList(std::map<std::string, double> of_user, std::string_view region)
    : of_user_(std::move(of_user)), hourly_(of_user_) {
  read_table(region);
}

/// Lines of the table: "date DATE", "region NAME", "disk KIND PRICE", "TYPE PRICE" and # comments.
void PriceList::read_table(std::string_view region) {
  bool has_region = false;
  for (const auto line : split(kPriceTable, '\n')) {
    const auto parts = words(line);
    if (parts.size() < 2 || line.starts_with('#')) continue;
    if (parts[0] == "date")
      date_ = parts[1];
    else if (parts[0] == "region")
      has_region = has_region || parts[1] == region;
    else if (has_region && parts[0] == "disk" && parts.size() == 3)
      disks_.emplace(parts[1], number_in(parts[2]));
    else if (has_region)
      hourly_.emplace(parts[0], number_in(parts[1]));  // the user's own price stays
  }
}

/// For an on-demand instance. Nothing for a type, or a region, that neither the user nor the table has.
std::optional<double> PriceList::hour_of(const std::string& type) const {
  return find(hourly_, type);
}

void PriceList::add_spot_hour(const std::string& type, const std::string& zone, double hour) {
  spot_.insert_or_assign({type, zone}, hour);
}

/// Our own table has on-demand prices, which may be three times as high, so it is not asked.
std::optional<double> PriceList::spot_hour_of(const std::string& type, const std::string& zone) const {
  const auto given = spot_.find({type, zone});
  return given == spot_.end() ? find(of_user_, type) : std::optional(given->second);
}

std::string PriceList::spot_source_of(const std::string& type, const std::string& zone) const {
  return spot_.contains({type, zone}) ? "EC2's present spot prices" : source_of(type);
}

/// Shown beside each price, since a table grows old.
std::string PriceList::source_of(const std::string& type) const {
  return of_user_.contains(type) ? "[prices]" : fmt::format("ec2mpi's table of {}", date_);
}

std::optional<double> PriceList::month_of_disk(const std::string& kind, double gib) const {
  const auto price = find(disks_, kind);
  return price ? std::optional(*price * gib) : std::nullopt;
}

}  // namespace ec2mpi::cloud
