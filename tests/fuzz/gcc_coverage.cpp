// Lets libFuzzer steer code that GCC built: GCC's -fsanitize-coverage=trace-pc reports each block by a call,
// libFuzzer reads counters from the section below. (clang 14 cannot build libstdc++ 12's <expected>, whose
// destructor is conditionally trivial; so the targets are built by GCC and linked with clang's
// libclang_rt.fuzzer. That has a
// __sanitizer_cov_trace_pc of its own, which only refuses: link with -Wl,-z,muldefs and this file first.)
// This file itself must be built without coverage.

#include <cstdint>

namespace {

constexpr std::uintptr_t kCounters = 1U << 16U;
__attribute__((section("__libfuzzer_extra_counters"))) std::uint8_t counters[kCounters];

}  // namespace

extern "C" {

void __sanitizer_cov_trace_pc() {
  const auto place = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  ++counters[(place ^ (place >> 16U)) % kCounters];
}

// Comparisons of floating point, which libFuzzer has no use for and does not define.
void __sanitizer_cov_trace_cmpf(float, float) {}
void __sanitizer_cov_trace_cmpd(double, double) {}

}  // extern "C"
