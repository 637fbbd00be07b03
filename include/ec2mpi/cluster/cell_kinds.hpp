#pragma once

#include <string_view>

namespace ec2mpi {

/// What a cell can be, as a set of bits.
using CellKinds = unsigned;

constexpr CellKinds kPublicV4 = 1U << 0U;
constexpr CellKinds kPrivateV4 = 1U << 1U;
constexpr CellKinds kAnyV4 = 1U << 2U;  ///< four numbers, right or wrong
constexpr CellKinds kIpv6 = 1U << 3U;
constexpr CellKinds kPublicDns = 1U << 4U;
constexpr CellKinds kPrivateDns = 1U << 5U;
constexpr CellKinds kType = 1U << 6U;
constexpr CellKinds kState = 1U << 7U;
constexpr CellKinds kZone = 1U << 8U;
constexpr CellKinds kDate = 1U << 9U;
constexpr CellKinds kConsolePhrase = 1U << 10U;  ///< "2/2 checks passed", "disabled": never a Name
constexpr CellKinds kAllKinds = (1U << 11U) - 1;

/// The kinds of one cell that is not blank; of "a, b" those of the first.
[[nodiscard]] CellKinds kinds_of(std::string_view cell);

}  // namespace ec2mpi
