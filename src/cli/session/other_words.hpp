#pragma once
/// The table of other tools' words, other_words.txt.

#include <string_view>

namespace ec2mpi::cli {

/// What to type instead of `word` behind `before`, which is "-" for a command, another tool, or a command of
/// ours with the word as an option without its dashes; empty if the table does not know it.
[[nodiscard]] std::string_view ours_for(std::string_view before, std::string_view word);

}  // namespace ec2mpi::cli
