#pragma once
/// The ssh configuration of the user and of this machine (ssh_config(5)): which settings hold for a host.
/// Knows nothing of libssh.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::ssh {

/// A line "Keyword argument ...".
struct ConfigLine {
  std::string keyword;  ///< in lower case
  std::vector<std::string> arguments;
  std::string rest;        ///< the arguments as they stand in the file, for the keywords that hold a command
  std::string place;       ///< FILE:LINE, printable
  bool of_system = false;  ///< stands in the configuration of this machine, not in the user's
};

/// The user that ec2mpi logs in as if nothing names another.
constexpr std::string_view kDefaultUser = "ubuntu";

/// The facts that Host and Match lines look at.
struct ConfigQuery {
  std::string host;                        ///< as the list names it
  std::optional<std::string> user = {};    ///< of the list or the flags; stronger than the file's
  std::optional<std::uint16_t> port = {};  ///< likewise
};

/// The text for each letter behind a %.
using Tokens = std::map<char, std::string>;

/// The facts from which the tokens of ssh_config(5) are made.
struct TokenSource {
  std::string original_host;
  std::string host_name;
  std::string user;
  std::string port;
  std::string key_alias = {};
  std::string jump = {};  ///< the words of ProxyJump
};
[[nodiscard]] Tokens make_tokens(const TokenSource& source);

/// The values of the files for one host: the first of each keyword, all of IdentityFile.
struct ConfigValues {
  std::map<std::string, ConfigLine, std::less<>> first;
  std::vector<ConfigLine> identity_files;

  [[nodiscard]] const ConfigLine* find(std::string_view keyword) const;
  /// The first argument; nothing if the keyword is not there.
  [[nodiscard]] std::optional<std::string> value(std::string_view keyword) const;
};

/// The files with all that they include. Read once, asked for every host.
class SshConfig {
 public:
  /// The user's file, then that of this machine, which only adds values; an empty path stands for no file.
  /// Errors: usage for a file that cannot be read, a line that is not understood, and a file of the user's
  /// that another user owns or can write.
  [[nodiscard]] static Result<SshConfig> load(const std::filesystem::path& file,
                                              const std::filesystem::path& system_file = {});

  /// May run the commands of "Match exec", each once. Errors: usage for a Match that is not understood.
  [[nodiscard]] Result<ConfigValues> values_for(const ConfigQuery& query);

 private:
  struct Pass;
  struct Source;

  [[nodiscard]] Result<void> read(const Source& source);
  [[nodiscard]] Result<void> read_enclosed(const Source& source, const std::string& place);
  [[nodiscard]] Result<void> include(const ConfigLine& line, const Source& source);
  [[nodiscard]] Result<void> walk(Pass& pass);
  [[nodiscard]] Result<bool> matches(const ConfigLine& line, const Pass& pass);
  [[nodiscard]] Result<bool> matches_criterion(const ConfigLine& line, const std::string& criterion,
                                               const std::string& argument, const Pass& pass);
  [[nodiscard]] Result<bool> matches_command(const ConfigLine& line, const std::string& command,
                                             const Pass& pass);

  std::vector<ConfigLine> lines_;  ///< an included file stands between two marking lines
  std::map<std::string, bool> commands_;
  std::set<std::string> slow_;  ///< places of "Match exec" whose command has overrun its limit
};

/// One line as ssh reads it. Nothing for an empty line or a comment. Errors: usage for open quotes.
[[nodiscard]] Result<std::optional<ConfigLine>> parse_config_line(std::string_view line, std::string place);

/// Replaces %h and the like by `tokens`, "%%" by "%". Errors: usage for a token that is not there.
[[nodiscard]] Result<std::string> expand_tokens(std::string_view text, const Tokens& tokens,
                                                const ConfigLine& line);

/// The same for a path, in which ${NAME} stands for a variable of the environment. Errors: usage, also for a
/// variable that is not set.
[[nodiscard]] Result<std::string> expand_path(std::string_view text, const Tokens& tokens,
                                              const ConfigLine& line);

}  // namespace ec2mpi::ssh
