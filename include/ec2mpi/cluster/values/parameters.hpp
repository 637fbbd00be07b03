#pragma once
/// Parameters of a series of jobs: what values they take, and how `{name}` is filled in. Pure.
///
/// A value is one text that becomes a word, or a part of one; no shell ever reads it.

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi {

/// A name and the values that it takes in turn; at least one, each of them once.
struct Sweep {
  std::string name;
  std::vector<std::string> values;
  bool operator==(const Sweep&) const = default;
};

/// One variant's values, in the order of the sweeps.
using Parameters = std::vector<std::pair<std::string, std::string>>;

/// The values of `3,6,12`, `1..5`, `0..100..25`, `10..0..-5`, or a mixture of them. In double quotes a comma
/// and `..` are themselves, and `""` is one quote: `"a,b","say ""no"""`. Errors: usage.
[[nodiscard]] Result<std::vector<std::string>> parse_values(std::string_view text);

/// `NAME=VALUES`. Errors: usage; the message begins with the text.
[[nodiscard]] Result<Sweep> parse_sweep(std::string_view text);

/// Errors: usage, for values that are not allowed (control characters) or stand twice, and for none at all.
[[nodiscard]] Result<void> check_values(const std::vector<std::string>& values);

/// More variants than this are refused: it was a slip of the keyboard.
inline constexpr std::size_t kMostVariants = 2'000;

/// All combinations; the first sweep changes slowest. One without parameters if there are no sweeps. Errors:
/// usage.
[[nodiscard]] Result<std::vector<Parameters>> combinations(const std::vector<Sweep>& sweeps);

/// Puts values for `{name}`. Only braces around a parameter's name mean something; `{{name}}` gives `{name}`,
/// and all other braces are themselves. Errors: usage, for a name that has no value.
[[nodiscard]] Result<std::string> fill_in(std::string_view text, const Parameters& parameters);

/// The names that `text` asks for.
[[nodiscard]] std::vector<std::string> names_in(std::string_view text);

/// A whole number from `{agents}+1`, `2*({a}-1)/{b}`, `8`: after filling in, + - * / and brackets over whole
/// numbers. A division must come out even. Errors: usage.
[[nodiscard]] Result<long> evaluate(std::string_view formula, const Parameters& parameters);

/// "spread-agents3-seed1": readable, free of anything a shell or a file name would mind, at most 120
/// characters.
[[nodiscard]] std::string variant_id(std::string_view job, const Parameters& parameters);

/// The ids of all, made different by a number at the end where they would be equal.
[[nodiscard]] std::vector<std::string> variant_ids(std::string_view job,
                                                   const std::vector<Parameters>& variants);

/// "agents=3 seed=1", for people.
[[nodiscard]] std::string describe(const Parameters& parameters);

}  // namespace ec2mpi
