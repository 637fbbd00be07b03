#pragma once
/// What instances and their disks cost: by the user's own table, else by ours, which has a date.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ec2mpi::cloud {

class PriceList {
 public:
  /// `of_user` is [prices] of ec2mpi.toml: a type to its price for an hour. Ours is for some regions only.
  PriceList(std::map<std::string, double> of_user, std::string_view region);

  /// Type to price, for an hour; types that are not in it have no known price.
  [[nodiscard]] const std::map<std::string, double>& hourly() const { return hourly_; }
  [[nodiscard]] std::optional<double> hour_of(const std::string& type) const;
  /// `hour` counts for this zone only.
  void add_spot_hour(const std::string& type, const std::string& zone, double hour);
  /// The price of a spot instance, as EC2 has given it; without that the user's own price of the type.
  [[nodiscard]] std::optional<double> spot_hour_of(const std::string& type, const std::string& zone) const;
  /// "[prices]", or "ec2mpi's table of 2024-12".
  [[nodiscard]] std::string source_of(const std::string& type) const;
  /// "EC2's present spot prices", or "[prices]".
  [[nodiscard]] std::string spot_source_of(const std::string& type, const std::string& zone) const;
  /// A disk of so many GiB, for a month, in USD.
  [[nodiscard]] std::optional<double> month_of_disk(const std::string& kind, double gib) const;

 private:
  void read_table(std::string_view region);

  std::map<std::string, double> of_user_;
  std::map<std::string, double> hourly_;
  std::map<std::pair<std::string, std::string>, double> spot_;  ///< by type and zone
  std::map<std::string, double> disks_;
  std::string date_;
};

}  // namespace ec2mpi::cloud
