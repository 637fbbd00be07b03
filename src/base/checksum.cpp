#include "ec2mpi/base/checksum.hpp"

#include <fmt/format.h>
#include <array>
#include <cstdint>

namespace ec2mpi {

namespace {

/// POSIX.1-2017 cksum(1): the polynomial of Ethernet, the highest bit first, no reflection.
using Table = std::array<std::uint32_t, 256>;

/// The remainders of all bytes, so that each byte of a file costs one look-up instead of eight steps.
constexpr Table make_table() {
  constexpr std::uint32_t kPolynomial = 0x04c11db7;
  Table table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t rest = byte << 24;
    for (int bit = 0; bit < 8; ++bit) rest = rest << 1 ^ ((rest & 0x80000000U) != 0 ? kPolynomial : 0);
    table[byte] = rest;
  }
  return table;
}

constexpr Table kTable = make_table();

std::uint32_t with_byte(std::uint32_t crc, std::uint32_t byte) {
  return crc << 8 ^ kTable[(crc >> 24 ^ byte) & 0xff];
}

}  // namespace

std::string posix_cksum(std::string_view bytes) {
  std::uint32_t crc = 0;
  for (const char c : bytes) crc = with_byte(crc, static_cast<unsigned char>(c));
  // The length follows the bytes: its lowest byte first, no leading zeros. Then all is inverted.
  for (std::size_t rest = bytes.size(); rest > 0; rest >>= 8) crc = with_byte(crc, rest & 0xff);
  return fmt::format("{} {}", ~crc, bytes.size());
}

}  // namespace ec2mpi
