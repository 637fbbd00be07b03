#pragma once
/// Words in brackets, as `[ -f FILE ]` or `[ab]`, which CLI11 takes for lists of words: it would drop the
/// brackets and split at commas. A sign stands in front of such a word while CLI11 reads it.

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace ec2mpi::cli {

/// The words with the sign, for CLI11.
[[nodiscard]] std::vector<std::string> shield_brackets(std::vector<std::string> words);

[[nodiscard]] std::string without_shield(std::string word);

/// Takes the sign off the values of all options of the app and its commands, and keeps `--flag=[a]` whole: no
/// flag here takes several words. To be called when all options have been added.
void read_brackets_whole(CLI::App& app);

}  // namespace ec2mpi::cli
