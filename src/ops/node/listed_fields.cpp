#include "ec2mpi/ops/node/listed_fields.hpp"

#include <charconv>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

/// Of a SHA-256.
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

/// The letters of find's %y; devices, pipes and sockets are "other".
TarType type_of_letter(std::string_view letter) {
  if (letter == "f") return TarType::file;
  if (letter == "d") return TarType::directory;
  if (letter == "l") return TarType::symlink;
  return TarType::other;
}

/// Nothing if other characters than digits of the base are in it.
std::optional<unsigned> parse_mode(std::string_view text, int base) {
  unsigned mode = 0;
  const auto read = std::from_chars(text.begin(), text.end(), mode, base);
  if (read.ec != std::errc() || read.ptr != text.end()) return std::nullopt;
  return mode;
}

/// A line that sha256sum cannot have written is left out: the file then counts as different.
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
