#include "ec2mpi/cluster/list/ssh_config_text.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cctype>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi {

namespace {

/// Lines of ssh_config(5): every value goes through `set`, and none can end its line or its quotes.
class ConfigLines {
 public:
  void host(const std::string& names) { text_ += fmt::format("\nHost {}\n", names); }

  /// A value, in double quotes unless it is plain. ssh replaces %TOKENS in some of them, so all % are doubled
  /// there: `tokens`.
  enum class Tokens { replaced, kept };
  void set(const char* keyword, const std::string& value, Tokens tokens = Tokens::kept) {
    // ssh has no way to write a control character, nor ${ where it would take it for a variable.
    if (has_control_characters(value) || (tokens == Tokens::replaced && value.find("${") != value.npos))
      refuse(keyword, value);
    text_ += fmt::format("  {} {}\n", keyword, is_plain(value) ? value : quoted(value, tokens));
  }
  void set_file(const char* keyword, const std::filesystem::path& file) {
    set(keyword, file.string(), Tokens::replaced);
  }
  void add(const char* line) { text_ += fmt::format("  {}\n", line); }

  [[nodiscard]] Result<std::string> finish() && {
    if (error_) return std::unexpected(*error_);
    return std::move(text_);
  }

 private:
  static bool is_plain(const std::string& value) {
    return !value.empty() && std::all_of(value.begin(), value.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 ||
             std::string_view("._:-").find(static_cast<char>(c)) != std::string_view::npos;
    });
  }

  static std::string quoted(const std::string& value, Tokens tokens) {
    std::string safe = "\"";
    for (const char c : value) {
      if (c == '%' && tokens == Tokens::replaced) safe += '%';
      // Within quotes, ssh reads a backslash as the escape of these two.
      if (c == '"' || c == '\\') safe += '\\';
      safe += c;
    }
    return safe + '"';
  }

  void refuse(const char* keyword, const std::string& value) {
    if (error_) return;
    error_ = Error{ErrorKind::usage, fmt::format("'{}' cannot stand in an ssh configuration ({}): rename it",
                                                 printable(value), keyword)};
  }

  std::string text_ = "# Written by ec2mpi nodes --ssh-config; it will be written anew.\n";
  std::optional<Error> error_;
};

}  // namespace

Result<std::string> ssh_config_text(const std::vector<SshConfigHost>& hosts,
                                    const std::filesystem::path& known_hosts) {
  ConfigLines lines;
  for (const auto& host : hosts) {
    lines.host(host.names);
    lines.set("HostName", host.host_name, ConfigLines::Tokens::replaced);
    lines.set("User", host.user);
    lines.set("Port", std::to_string(host.port));
    for (const auto& identity : host.identities) lines.set_file("IdentityFile", identity);
    if (host.identities_only) lines.add("IdentitiesOnly yes");
    if (host.agent) lines.set_file("IdentityAgent", host.agent->empty() ? "none" : *host.agent);
    // Also where there is none: the file may be included in one that names a jump host for all.
    lines.set("ProxyJump", host.jump.empty() ? "none" : host.jump);
    // The known_hosts file has the keys under these names.
    lines.set("HostKeyAlias", host.host_key_name);
    lines.set_file("UserKnownHostsFile", known_hosts);
    // Only keys that ec2mpi has accepted count; ssh must not add others to its file.
    lines.add("StrictHostKeyChecking yes");
  }
  return std::move(lines).finish();
}

}  // namespace ec2mpi
