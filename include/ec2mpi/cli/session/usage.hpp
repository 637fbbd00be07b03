#pragma once
/// The messages for a wrong command line.

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace ec2mpi::cli {

/// The word of `known` that is probably meant by `word`; empty if none is near.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& known);

/// One line, without "ec2mpi: ": what is wrong and what to do. `command` is the first word that is no option.
[[nodiscard]] std::string describe_usage_error(const CLI::App& app, const CLI::ParseError& wrong,
                                               const std::string& command);

}  // namespace ec2mpi::cli
