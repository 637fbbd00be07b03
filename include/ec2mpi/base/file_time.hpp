#pragma once
/// Times of files as other programs print them. Pure.

#include <cstdint>
#include <optional>
#include <string_view>

namespace ec2mpi {

/// What a fraction means in a time before 1970: the two are the same for all later times.
enum class Fraction {
  of_number,     ///< "-1.25" is the second -2 and 750,000,000 ns: pax, and people
  after_second,  ///< "-2.75" is that time: find(1) prints the nanoseconds behind the second as they are
};
struct FileTime {
  std::int64_t seconds = 0;                       ///< since 1970, rounded down
  std::optional<std::uint32_t> nanoseconds = {};  ///< nothing where the text has no fraction
};
/// "1600000000.1234567890", "-3". Digits behind the ninth of a fraction are dropped. Nothing for texts that
/// are no time, and for times that are too large to calculate with.
[[nodiscard]] std::optional<FileTime> parse_file_time(std::string_view text, Fraction fraction);

}  // namespace ec2mpi
