#pragma once
/// Fields of the lists that nodes give of their files, as find(1), stat(1) and sha256sum(1) print them. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ec2mpi/base/tar.hpp"

namespace ec2mpi::ops {

/// "f", "d" and "l" for files, folders and links; anything else is TarType::other.
[[nodiscard]] TarType type_of_letter(std::string_view letter);

/// A mode of digits in base 8 or 16.
[[nodiscard]] std::optional<unsigned> parse_mode(std::string_view text, int base);

/// SHA-256 by path; files that can't be read are missing.
using SumsByPath = std::unordered_map<std::string, std::string>;
/// A line with a "\" in front has its path escaped. Lines that sha256sum does not print are skipped.
[[nodiscard]] SumsByPath parse_sums(std::string_view text);

}  // namespace ec2mpi::ops
