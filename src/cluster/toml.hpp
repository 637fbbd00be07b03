#pragma once
/// toml++ without undefined behaviour where it expects the impossible: files of others bring it about.

#include <toml++/impl/preprocessor.h>
#include <stdexcept>

namespace ec2mpi {
[[noreturn]] inline void toml_reached_unreachable() {
  throw std::invalid_argument("toml++ reached a place that it calls unreachable");
}
}  // namespace ec2mpi

// Files that are no TOML reach both in toml++ 3.3. Without its assertions it continues to its ordinary
// errors.
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE ::ec2mpi::toml_reached_unreachable()
#undef TOML_ASSERT
#define TOML_ASSERT(expr) static_assert(true)
#undef TOML_ASSERT_ASSUME
#define TOML_ASSERT_ASSUME(expr) static_assert(true)
#include <toml++/toml.h>
