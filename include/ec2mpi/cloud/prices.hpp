#pragma once
/// What instances and their disks cost: by the user's own table, else by ours, which has a date.

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ec2mpi::cloud {

class PriceList {
 public:
  /// `of_user` is [prices] of ec2mpi.toml: a type to its price for an hour. Ours is for some regions only.
  PriceList(std::map<std::string, double> of_user, std::string_view region);

  /// Type to price, for an hour; types that are not in it have no known price.
  [[nodiscard]] const std::map<std::string, double>& hourly() const { return hourly_; }
  [[nodiscard]] std::optional<double> hour_of(const std::string& type) const;
  /// "[prices]", or "ec2mpi's table of 2024-12".
  [[nodiscard]] std::string source_of(const std::string& type) const;
  /// A disk of so many GiB, for a month, in USD.
  [[nodiscard]] std::optional<double> month_of_disk(const std::string& kind, double gib) const;

 private:
  void read_table(std::string_view region);

  std::map<std::string, double> of_user_;
  std::map<std::string, double> hourly_;
  std::map<std::string, double> disks_;
  std::string date_;
};

}  // namespace ec2mpi::cloud
