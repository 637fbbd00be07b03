#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace ec2mpi::cli {

/// Asks on the terminal for the passphrase of a key, without echo. Nothing where there is no terminal, or on
/// Ctrl-C.
[[nodiscard]] std::optional<std::string> prompt_passphrase(const std::filesystem::path& key_file);

/// Asks on the terminal at its first call, for something that must not be seen, and returns the same answer
/// from then on. Nothing where there is no terminal, or on Ctrl-C. The last copy of the function wipes the
/// answer.
[[nodiscard]] std::function<std::optional<std::string>()> prompt_secret_once(std::string question);

}  // namespace ec2mpi::cli
