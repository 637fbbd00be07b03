#include "ec2mpi/cluster/values/launch_time.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi {

namespace {

using namespace std::chrono;

/// Reads a text from its front; once something is not as expected, everything after fails too.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  int number(std::size_t least, std::size_t most) {
    std::size_t length = 0;
    while (length < most && length < rest_.size() && rest_[length] >= '0' && rest_[length] <= '9') ++length;
    const auto value = parse_number(rest_.substr(0, length));
    if (length < least || !value) ok_ = false;
    rest_.remove_prefix(length);
    return ok_ ? static_cast<int>(*value) : 0;
  }
  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  void expect(std::string_view word) { ok_ = take(word) && ok_; }
  void blanks() { rest_ = trim(rest_); }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

/// "+5:30", "-7", "+00:00", "" (none).
minutes offset(Scanner& scan) {
  const bool east = scan.take("+");
  if (!east && !scan.take("-")) return minutes(0);
  int all = scan.number(1, 2) * 60;
  if (scan.take(":")) all += scan.number(2, 2);
  return minutes(east ? all : -all);
}

}  // namespace

/// Forms: 2026-11-22T20:45:01+00:00 of the API, and 2026/11/22 20:45 GMT-7 of the console.
std::optional<LaunchTime> parse_launch_time(std::string_view text) {
  Scanner scan(trim(text));
  const auto y = scan.number(4, 4);
  const std::string_view separator = scan.take("/") ? "/" : "-";
  if (separator == "-") scan.expect("-");
  const auto m = scan.number(2, 2);
  // Both separators are the same.
  scan.expect(separator);
  const auto d = scan.number(2, 2);
  // Any number is allowed here; ok() below finds an impossible date.
  const year_month_day date{year(y), month(static_cast<unsigned>(m)), day(static_cast<unsigned>(d))};
  if (!scan.take("T")) scan.blanks();
  const int hour = scan.number(1, 2);
  scan.expect(":");
  const int minute = scan.number(2, 2);
  const int second = scan.take(":") ? scan.number(2, 2) : 0;
  // Parts of a second are read and dropped.
  if (scan.take(".")) scan.number(1, 9);
  scan.blanks();
  // "GMT-7" has its offset behind the name.
  if (!scan.take("GMT") && !scan.take("UTC")) scan.take("Z");
  const auto zone = offset(scan);
  // 60 is a leap second.
  if (!scan.ok() || !scan.at_end() || !date.ok() || hour > 23 || minute > 59 || second > 60)
    return std::nullopt;
  return sys_days(date) + hours(hour) + minutes(minute) + seconds(second) - zone;
}

std::string format_age(std::chrono::seconds age) {
  const auto all = duration_cast<minutes>(age).count();
  if (all < 60) return fmt::format("{} min", all);
  if (all < 48 * 60) return fmt::format("{} h {:02} min", all / 60, all % 60);
  return fmt::format("{} d {} h", all / 1440, all % 1440 / 60);
}

std::optional<double> cost_since_launch(const Node& node, const std::map<std::string, double>& prices,
                                        LaunchTime now) {
  const auto price = prices.find(node.type);
  const auto launched = parse_launch_time(node.launched);
  // A launch in the future: one of the two clocks is wrong.
  if (price == prices.end() || !launched || now < *launched) return std::nullopt;
  return price->second * duration<double, std::ratio<3600>>(now - *launched).count();
}

}  // namespace ec2mpi
