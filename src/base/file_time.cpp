#include "ec2mpi/base/file_time.hpp"

#include <limits>
#include <string>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi {

std::optional<FileTime> parse_file_time(std::string_view text, Fraction fraction) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 4;
  constexpr std::uint32_t kSecond = 1'000'000'000;
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto dot = text.find('.');
  const auto whole = parse_number(text.substr(0, dot));
  if (!whole || *whole > kMost) return std::nullopt;
  FileTime time{.seconds = static_cast<std::int64_t>(*whole) * (negative ? -1 : 1)};
  if (dot == std::string_view::npos) return time;
  std::string digits(text.substr(dot + 1, 9));
  digits.resize(9, '0');
  const auto behind = parse_number(digits);
  if (!behind) return std::nullopt;
  time.nanoseconds = static_cast<std::uint32_t>(*behind);
  if (!negative || *behind == 0 || fraction == Fraction::after_second) return time;
  return FileTime{.seconds = time.seconds - 1, .nanoseconds = kSecond - *time.nanoseconds};
}

}  // namespace ec2mpi
