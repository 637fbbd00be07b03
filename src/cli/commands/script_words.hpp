#pragma once
/// How a shell divides a script into statements and words. Pure.
///
/// An address that a script has read from nodeIPaddress becomes a mark, one control character, in the value
/// of its word: the list of nodes may be another one when the job runs. A script itself has no control
/// characters.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::cli {

inline constexpr char kAllNodes = '\x01';   ///< the addresses of all nodes
inline constexpr char kOneNode = '\x02';    ///< the address of one node
inline constexpr char kNodeCount = '\x03';  ///< the number of nodes
inline constexpr char kOpenBrace = '\x04';  ///< one of the script's own; '{' begins a parameter

/// The characters that make a shell look for files.
inline constexpr std::string_view kGlobSigns = "*?[";

struct ScriptVariables {
  std::map<std::string, std::string> values;
  std::vector<std::string>
      divided;  ///< parameters of loops, as "{NAME}", with a value that is not one plain word
};

/// The error of each function here, and of the readers of scripts: usage.
[[nodiscard]] std::unexpected<Error> not_read(std::string message);

[[nodiscard]] bool has_marks(std::string_view text);

/// As a reader may see it: "nodeIPaddress" for an address, and "nodeIPaddress,..." for a list of many.
[[nodiscard]] std::string without_marks(const std::string& text);

/// NAME=VALUE, with a name that a shell accepts.
[[nodiscard]] bool is_assignment(std::string_view word);

/// "nodeIPaddress" in any folder.
[[nodiscard]] bool is_node_list(std::string_view file);

/// Whether shell text names that file.
[[nodiscard]] bool reads_nodes(std::string text);

/// The words of {1..5}, {1..9..2}, $(seq 5), $(seq 1 5) and $(seq 1 2 9); nothing if it is none of these.
[[nodiscard]] std::optional<std::vector<std::string>> range_words(std::string_view text);

/// The statements of one line: the parts between semicolons, without a comment, and `do` alone.
[[nodiscard]] std::vector<std::string> statements_of(std::string_view line);

/// The words of one statement, with the values of variables that the script has set. It follows sh(1) for
/// blanks, quotes, backslashes, comments and plain variables, and refuses the rest: a word that is read
/// wrongly would start another job than the script.
[[nodiscard]] Result<std::vector<std::string>> shell_words(std::string_view text,
                                                           const ScriptVariables& variables);

}  // namespace ec2mpi::cli
