#pragma once
#include <filesystem>
#include <optional>
#include <string>

namespace ec2mpi::cli {

/// Asks on the terminal for the passphrase of a key, without echo. Nothing where there is no terminal.
[[nodiscard]] std::optional<std::string> prompt_passphrase(const std::filesystem::path& key_file);

}  // namespace ec2mpi::cli
