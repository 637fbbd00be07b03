#include "ec2mpi/ops/node/listed_fields.hpp"

#include <charconv>
#include <limits>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

constexpr auto kMostTime = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 4;
constexpr std::size_t kSumDigits = 64;

/// sha256sum writes "\n", "\r" and "\\" for three characters that would break its lines.
std::string unescaped(std::string_view name) {
  std::string plain;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool code = name[i] == '\\' && i + 1 < name.size();
    if (code) ++i;
    plain += code && name[i] == 'n' ? '\n' : code && name[i] == 'r' ? '\r' : name[i];
  }
  return plain;
}

}  // namespace

TarType type_of_letter(std::string_view letter) {
  if (letter == "f") return TarType::file;
  if (letter == "d") return TarType::directory;
  if (letter == "l") return TarType::symlink;
  return TarType::other;
}

std::optional<unsigned> parse_mode(std::string_view text, int base) {
  unsigned mode = 0;
  const auto read = std::from_chars(text.begin(), text.end(), mode, base);
  if (read.ec != std::errc() || read.ptr != text.end()) return std::nullopt;
  return mode;
}

std::optional<ListedTime> parse_time(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto dot = text.find('.');
  const auto seconds = parse_number(text.substr(0, dot));
  if (!seconds || *seconds > kMostTime) return std::nullopt;
  ListedTime time{.seconds = static_cast<std::int64_t>(*seconds) * (negative ? -1 : 1)};
  if (dot == std::string_view::npos) return time;
  // find prints ten digits behind the dot.
  std::string digits(text.substr(dot + 1, 9));
  digits.resize(9, '0');
  const auto nanoseconds = parse_number(digits);
  if (!nanoseconds) return std::nullopt;
  time.nanoseconds = static_cast<std::uint32_t>(*nanoseconds);
  return time;
}

SumsByPath parse_sums(std::string_view text) {
  SumsByPath sums;
  for (auto line : split(text, '\n')) {
    const bool escaped = line.starts_with('\\');
    if (escaped) line.remove_prefix(1);
    const auto sum = line.substr(0, kSumDigits);
    const bool good = line.size() > kSumDigits + 2 && line[kSumDigits] == ' ' &&
                      sum.find_first_not_of("0123456789abcdef") == std::string_view::npos;
    if (!good) continue;
    const auto name = line.substr(kSumDigits + 2);  // a blank, and another one or a star
    sums.emplace(escaped ? unescaped(name) : std::string(name), sum);
  }
  return sums;
}

}  // namespace ec2mpi::ops
