#pragma once

#include <cstddef>
#include <string_view>

namespace ec2mpi {

/// The character at the start of a text.
struct CodePoint {
  char32_t value = 0;
  std::size_t length = 1;  ///< bytes used, at least 1 even if not valid
  bool valid = false;
};

/// Strict UTF-8 (no overlong forms, no surrogates). `text` is not empty.
[[nodiscard]] CodePoint first_code_point(std::string_view text);

}  // namespace ec2mpi
