#pragma once
/// How the readers refuse a list.

#include <fmt/format.h>

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "ec2mpi/cluster/values/quote.hpp"

namespace ec2mpi {

#include "src/cluster/read/messages.inc"

/// What is wrong with a list.
struct Refusal {
  int line = 0;  ///< 0: the list as a whole
  std::string problem;
};

template <class Value>
using Read = std::expected<Value, Refusal>;

/// A sentence of messages.inc, filled in.
template <class... Args>
[[nodiscard]] std::unexpected<Refusal> refuse(int line, fmt::format_string<Args...> sentence,
                                              Args&&... args) {
  return std::unexpected(Refusal{line, fmt::format(sentence, std::forward<Args>(args)...)});
}

}  // namespace ec2mpi
