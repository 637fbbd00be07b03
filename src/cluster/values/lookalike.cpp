#include "ec2mpi/cluster/values/lookalike.hpp"

#include <fmt/format.h>

namespace ec2mpi {

namespace {

constexpr std::size_t kLength = 3;  // bytes of each sign

constexpr std::string_view kSigns[] = {
    "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63",
    "'\u2018\u2019\u201a",
    "\"\u201c\u201d\u201e",
    ",\u3001",
    ".\u3002",
    " \u3000",
};

/// The plain sign for the one that the text begins with; 0 if it is no lookalike.
char plain_of(std::string_view text) {
  const auto sign = text.substr(0, kLength);
  // The third byte of a letter; other bytes are no UTF-8.
  if (sign.size() < kLength || (sign[2] & 0xc0) != 0x80) return 0;
  // U+FF01 to U+FF5E are ASCII's signs from ! to ~, in full width.
  if (sign >= "\uff01" && sign <= "\uff5e")
    return static_cast<char>('!' + (static_cast<unsigned char>(sign[1]) - 0xbc) * 64 +
                             (static_cast<unsigned char>(sign[2]) - 0x81));
  for (const auto row : kSigns)
    for (auto rest = row.substr(1); !rest.empty(); rest.remove_prefix(kLength))
      if (rest.starts_with(sign)) return row.front();
  return 0;
}

}  // namespace

std::optional<Lookalike> find_lookalike(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at)
    if (const char plain = plain_of(text.substr(at)); plain != 0)
      return Lookalike{text.substr(at, kLength), plain};
  return std::nullopt;
}

std::string with_plain_signs(std::string_view text) {
  std::string plain;
  while (const auto found = find_lookalike(text)) {
    const auto at = static_cast<std::size_t>(found->sign.data() - text.data());
    plain += text.substr(0, at);
    plain += found->plain;
    text.remove_prefix(at + kLength);
  }
  return plain += text;
}

std::string describe_lookalike(std::string_view text) {
  const auto found = find_lookalike(text);
  if (!found) return {};
  return fmt::format("'{}' only looks like '{}'", found->sign, found->plain);
}

}  // namespace ec2mpi
