#pragma once
/// The JSON that commands print.

#include <nlohmann/json.hpp>
#include <string>

namespace ec2mpi::cli {

/// Keeps the order in which its fields are added.
using Json = nlohmann::ordered_json;

/// A document for standard output. An object gets "schema": 1 in front; docs/json.md describes the documents.
/// Indented, without an end of line. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string dump_json(const Json& json);

}  // namespace ec2mpi::cli
