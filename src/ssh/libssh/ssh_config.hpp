#pragma once
/// The user's ssh configuration (ssh_config(5)): which settings hold for a host. Knows nothing of libssh.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::ssh {

/// A line "Keyword argument ...".
struct ConfigLine {
  std::string keyword;  ///< in lower case
  std::vector<std::string> arguments;
  std::string rest;   ///< the arguments as they stand in the file, for the keywords that hold a command
  std::string place;  ///< FILE:LINE, printable
};

/// What Host and Match lines look at.
struct ConfigQuery {
  std::string host;                 ///< as the list names it
  std::optional<std::string> user;  ///< of the list or the flags; stronger than the file's
};

/// What the file says of one host: the first value of each keyword, all of IdentityFile.
struct ConfigValues {
  std::map<std::string, ConfigLine, std::less<>> first;
  std::vector<ConfigLine> identity_files;

  [[nodiscard]] const ConfigLine* find(std::string_view keyword) const;
  /// The first argument; nothing if the keyword is not there.
  [[nodiscard]] std::optional<std::string> value(std::string_view keyword) const;
};

/// One file with all that it includes. Read once, asked for every host.
class SshConfig {
 public:
  /// Errors: usage for a file that cannot be read, a line that is not understood, and a file that another
  /// user owns or can write.
  [[nodiscard]] static Result<SshConfig> load(const std::filesystem::path& file);

  /// May run the commands of "Match exec", each once. Errors: usage for a Match that is not understood.
  [[nodiscard]] Result<ConfigValues> values_for(const ConfigQuery& query);

 private:
  struct Pass;

  [[nodiscard]] Result<void> read(const std::filesystem::path& file, int depth);
  [[nodiscard]] Result<void> include(const ConfigLine& line, int depth);
  [[nodiscard]] Result<void> walk(Pass& pass);
  [[nodiscard]] Result<bool> matches(const ConfigLine& line, const Pass& pass);
  [[nodiscard]] Result<bool> matches_command(const ConfigLine& line, const std::string& command,
                                             const Pass& pass);

  std::vector<ConfigLine> lines_;  ///< an included file stands between two lines of its own
  std::map<std::string, bool> commands_;
};

/// One line as ssh reads it. Nothing for an empty line or a comment. Errors: usage for open quotes.
[[nodiscard]] Result<std::optional<ConfigLine>> parse_config_line(std::string_view line, std::string place);

/// Replaces %h and the like by `tokens`, "%%" by "%". Errors: usage for a token that is not there.
[[nodiscard]] Result<std::string> expand_tokens(std::string_view text,
                                                const std::map<char, std::string>& tokens,
                                                const ConfigLine& line);

}  // namespace ec2mpi::ssh
