#pragma once
/// The JSON that commands print.

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace ec2mpi::cli {

/// Keeps the order in which its fields are added.
using Json = nlohmann::ordered_json;

/// A document for standard output. An object gets "schema": 1 in front; docs/json.md describes the documents.
/// Indented, without an end of line. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string dump_json(const Json& json);

/// One event of --json-lines, without an end of line: "event", the seconds since the command began, the
/// fields.
[[nodiscard]] std::string event_line(std::string_view event, std::chrono::nanoseconds since_start,
                                     const Json& fields);

}  // namespace ec2mpi::cli
