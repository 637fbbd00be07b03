#pragma once
// The frame of a fuzz target for readers of foreign bytes: `EC2MPI_FUZZ(name) { ... }` is all of its file but
// the includes.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/text.hpp"

namespace ec2mpi::fuzz {

inline void require(bool holds) {
  if (!holds) std::abort();
}

/// Texts from outside that a terminal may show as they are.
inline void require_printable(std::initializer_list<std::string_view> texts) {
  for (const auto text : texts) require(printable(text) == text);
}

/// An error says something, and nothing that a terminal would obey.
template <typename T>
const T* value_of(const Result<T>& result) {
  if (result) return &*result;
  require(!result.error().message.empty());
  require_printable({result.error().message});
  return nullptr;
}

/// Which of `count` readers gets the rest of the bytes: the first byte says so, so that one target serves
/// several.
inline unsigned take_choice(std::string_view& bytes, unsigned count) {
  if (bytes.empty()) return 0;
  const auto choice = static_cast<unsigned char>(bytes.front()) % count;
  bytes.remove_prefix(1);
  return choice;
}

}  // namespace ec2mpi::fuzz

#define EC2MPI_FUZZ(bytes)                                                            \
  static void try_bytes(std::string_view bytes);                                      \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    try_bytes({reinterpret_cast<const char*>(data), size});                           \
    return 0;                                                                         \
  }                                                                                   \
  static void try_bytes(std::string_view bytes)
