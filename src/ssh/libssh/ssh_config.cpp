#include "src/ssh/libssh/ssh_config.hpp"

#include <fmt/format.h>
#include <glob.h>
#include <openssl/evp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/file_trust.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ssh/known_host_names.hpp"
#include "src/ssh/libssh/bounded_command.hpp"

namespace ec2mpi::ssh {

namespace {

namespace fs = std::filesystem;

/// Of one file. A configuration has some kilobytes; this is a guard against a wrong path.
constexpr std::size_t kLargestFile = 1024 * 1024;
constexpr int kDeepestInclude = 16;  ///< as ssh
/// The event loop waits for a command of "Match exec": limits of other nodes cannot end meanwhile.
constexpr auto kCommandLimit = std::chrono::seconds(5);

/// Stand around the lines of an included file, for a Host line in it ends with it.
constexpr std::string_view kIncludeBegins = "{";
constexpr std::string_view kIncludeEnds = "}";

/// An error is better than a guess: a line that is skipped might have named the key or the way to the node.
std::unexpected<Error> refuse(const ConfigLine& line, std::string_view why) {
  return fail(ErrorKind::usage, fmt::format("{}: {}; -F none goes without the file", line.place, why));
}

/// Blank, or a carriage return of a file that was written on Windows.
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\f';
}

/// Takes one argument from the front, without its quotes. Nothing if a quote stays open.
std::optional<std::string> take_argument(std::string_view& text) {
  std::string argument;
  char quote = '\0';
  while (!text.empty()) {
    const char c = text.front();
    if (quote == '\0' && is_blank(c)) break;
    text.remove_prefix(1);
    // As OpenSSH's argv_split(): for quotes and backslashes, and for blanks outside of quotes.
    const bool escapes = c == '\\' && !text.empty() &&
                         (text.front() == '"' || text.front() == '\'' || text.front() == '\\' ||
                          (quote == '\0' && text.front() == ' '));
    if (escapes) {
      argument += text.front();
      text.remove_prefix(1);
    } else if (quote == '\0' && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = '\0';
    } else {
      argument += c;
    }
  }
  if (quote != '\0') return std::nullopt;
  return argument;
}

void skip_blanks(std::string_view& text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
}

/// These hold a command; quotes in it are for the shell.
bool holds_command(std::string_view keyword) {
  return keyword == "proxycommand" || keyword == "remotecommand" || keyword == "localcommand" ||
         keyword == "knownhostscommand";
}

/// Empty if the system does not know the user, as in a container without an entry in /etc/passwd.
std::string local_user() {
  const passwd* entry = ::getpwuid(::geteuid());
  return entry != nullptr ? entry->pw_name : "";
}

std::string local_host() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

/// A pattern list is negated by '!'; a match of such a pattern is never a match of the list.
bool matches_patterns(const std::vector<std::string>& patterns, std::string_view text) {
  return names_host(lower_case(join(patterns, ",")), lower_case(text));
}

}  // namespace

const ConfigLine* ConfigValues::find(std::string_view keyword) const {
  const auto found = first.find(keyword);
  return found == first.end() ? nullptr : &found->second;
}

std::optional<std::string> ConfigValues::value(std::string_view keyword) const {
  const auto* line = find(keyword);
  if (line == nullptr || line->arguments.empty()) return std::nullopt;
  return line->arguments.front();
}

Result<std::optional<ConfigLine>> parse_config_line(std::string_view line, std::string place) {
  line = trim(line);
  if (line.empty() || line.front() == '#') return std::nullopt;
  ConfigLine parsed;
  parsed.place = std::move(place);
  const auto end = std::min(line.find_first_of(" \t\r\f=\""), line.size());
  parsed.keyword = lower_case(line.substr(0, end));
  line.remove_prefix(end);
  skip_blanks(line);
  // ssh_config(5) allows "Keyword value", "Keyword=value" and "Keyword = value".
  if (line.starts_with('=')) line.remove_prefix(1);
  skip_blanks(line);
  parsed.rest = line;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (!std::all_of(parsed.keyword.begin(), parsed.keyword.end(), is_letter))
    return refuse(parsed, printable(parsed.keyword) + " is no keyword");
  if (holds_command(parsed.keyword)) {
    if (!parsed.rest.empty()) parsed.arguments.push_back(parsed.rest);
  } else {
    for (skip_blanks(line); !line.empty() && line.front() != '#'; skip_blanks(line)) {
      auto argument = take_argument(line);
      if (!argument) return refuse(parsed, "a quote is not closed");
      parsed.arguments.push_back(std::move(*argument));
    }
  }
  if (parsed.arguments.empty()) return refuse(parsed, printable(parsed.keyword) + " has no value");
  return parsed;
}

namespace {

/// ssh's name for a connection, as people use it in the names of files.
/// The token %C: a hash of %l%h%p%r%j (ssh_config(5)).
std::string connection_hash(const TokenSource& source, const std::string& local) {
  const auto text = local + source.host_name + source.port + source.user + source.jump;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  ::EVP_Digest(text.data(), text.size(), digest.data(), &size, ::EVP_sha1(), nullptr);
  std::string hash;
  for (unsigned i = 0; i < size; ++i) hash += fmt::format("{:02x}", digest[i]);
  return hash;
}

/// Takes one token, behind its %, from the front.
Result<std::string> take_token(std::string_view& text, const Tokens& tokens, const ConfigLine& line) {
  const char token = text.empty() ? '\0' : text.front();
  const auto known = tokens.find(token);
  if (token != '%' && known == tokens.end())
    return refuse(line, fmt::format("%{} is not understood", printable(text.substr(0, 1))));
  text.remove_prefix(1);
  return token == '%' ? "%" : known->second;
}

/// Takes "{NAME}", behind its $, from the front.
Result<std::string> take_variable(std::string_view& text, const ConfigLine& line) {
  const auto end = text.find('}');
  if (end == std::string_view::npos) return refuse(line, "a ${ is not closed");
  const std::string name(text.substr(1, end - 1));
  text.remove_prefix(end + 1);
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return refuse(line, fmt::format("the variable {} is not set", printable(name)));
  return value;
}

/// `with_variables`: also ${NAME}, which ssh replaces in the names of files only.
Result<std::string> expand(std::string_view text, const Tokens& tokens, const ConfigLine& line,
                           bool with_variables) {
  std::string expanded;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '%') {
      TRY_AS(value, take_token(text, tokens, line));
      expanded += *value;
    } else if (with_variables && c == '$' && text.starts_with('{')) {
      TRY_AS(value, take_variable(text, line));
      expanded += *value;
    } else {
      expanded += c;
    }
  }
  return expanded;
}

}  // namespace

/// The letters are those of ssh_config(5), "TOKENS". ssh has more: %f, %H, %I, %K and %t are for
/// KnownHostsCommand, %T for tunnels.
Tokens make_tokens(const TokenSource& source) {
  // %L is the name up to its first dot.
  const auto local = local_host();
  return {{'C', connection_hash(source, local)},
          {'L', local.substr(0, local.find('.'))},
          {'d', home_folder().string()},
          {'h', source.host_name},
          {'i', std::to_string(::geteuid())},
          {'j', source.jump},
          {'k', source.key_alias.empty() ? source.original_host : source.key_alias},
          {'l', local},
          {'n', source.original_host},
          {'p', source.port},
          {'r', source.user},
          {'u', local_user()}};
}

Result<std::string> expand_tokens(std::string_view text, const Tokens& tokens, const ConfigLine& line) {
  return expand(text, tokens, line, false);
}

Result<std::string> expand_path(std::string_view text, const Tokens& tokens, const ConfigLine& line) {
  return expand(text, tokens, line, true);
}

/// A file and how it came to be read.
struct SshConfig::Source {
  fs::path file;
  bool of_system = false;
  int depth = 0;

  /// Where the files lie that an Include names without their folder.
  [[nodiscard]] fs::path include_folder() const {
    return of_system ? fs::path("/etc/ssh") : home_folder() / ".ssh";
  }
};

Result<SshConfig> SshConfig::load(const fs::path& file, const fs::path& system_file) {
  SshConfig config;
  // The user's file comes first, for the first value of a keyword holds.
  if (!file.empty()) TRY(config.read_enclosed({file}, ""));
  std::error_code ignored;
  if (!system_file.empty() && fs::exists(system_file, ignored))
    TRY(config.read_enclosed({system_file, true}, ""));
  return config;
}

Result<void> SshConfig::read_enclosed(const Source& source, const std::string& place) {
  lines_.push_back({std::string(kIncludeBegins), {}, {}, place});
  TRY(read(source));
  lines_.push_back({std::string(kIncludeEnds), {}, {}, place});
  return {};
}

Result<void> SshConfig::read(const Source& source) {
  const auto& file = source.file;
  // ssh, too, checks the owner of the user's files only.
  const auto text = source.of_system
                        ? read_file(file, kLargestFile)
                        : read_settings(file, kLargestFile, "the ssh configuration ", "name another with -F");
  if (!text) return std::unexpected(Error{ErrorKind::usage, text.error().message});
  int number = 0;
  for (const auto line : split(*text, '\n')) {
    TRY_AS(parsed, parse_config_line(line, fmt::format("{}:{}", printable(file.string()), ++number)));
    if (!*parsed) continue;
    (*parsed)->of_system = source.of_system;
    if ((*parsed)->keyword == "include") {
      TRY(include(**parsed, source));
    } else {
      lines_.push_back(std::move(**parsed));
    }
  }
  return {};
}

namespace {

/// The files that a pattern of Include names; as for ssh, those that are not there and folders are none.
std::vector<fs::path> find_included(const fs::path& pattern) {
  glob_t found{};
  ::glob(pattern.c_str(), GLOB_TILDE, nullptr, &found);
  std::vector<fs::path> files;
  for (std::size_t i = 0; i < found.gl_pathc; ++i) {
    struct stat info {};
    // A file that is there and cannot be read is an error and not passed over.
    const bool there = ::stat(found.gl_pathv[i], &info) == 0 || errno != ENOENT;
    if (there && !S_ISDIR(info.st_mode)) files.emplace_back(found.gl_pathv[i]);
  }
  ::globfree(&found);
  return files;
}

}  // namespace

Result<void> SshConfig::include(const ConfigLine& line, const Source& source) {
  if (source.depth >= kDeepestInclude) return refuse(line, "files include each other too deeply");
  for (const auto& argument : line.arguments) {
    auto pattern = expand_home(argument);
    if (pattern.is_relative() && !argument.starts_with('~')) pattern = source.include_folder() / pattern;
    for (const auto& file : find_included(pattern))
      TRY(read_enclosed({file, source.of_system, source.depth + 1}, line.place));
  }
  return {};
}

/// One walk over the lines for one host. "Match final" asks for a second one, which can only add values.
struct SshConfig::Pass {
  const ConfigQuery& query;
  ConfigValues& values;
  bool final = false;
  bool final_is_asked_for = false;

  [[nodiscard]] std::string host_name() const {
    const auto name = values.value("hostname");
    if (!name) return query.host;
    const auto* line = values.find("hostname");
    return expand_tokens(*name, {{'h', query.host}}, *line).value_or(query.host);
  }
  [[nodiscard]] std::string user() const {
    return query.user.value_or(values.value("user").value_or(std::string(kDefaultUser)));
  }
  [[nodiscard]] std::string port() const {
    return query.port ? std::to_string(*query.port) : values.value("port").value_or("22");
  }
  [[nodiscard]] Tokens tokens() const {
    return make_tokens({query.host, host_name(), user(), port(), values.value("hostkeyalias").value_or(""),
                        values.value("proxyjump").value_or("")});
  }
};

Result<ConfigValues> SshConfig::values_for(const ConfigQuery& query) {
  ConfigValues values;
  Pass pass{query, values};
  TRY(walk(pass));
  if (pass.final_is_asked_for) {
    pass.final = true;
    TRY(walk(pass));
  }
  return values;
}

/// Walks over all lines in order, as ssh does: the first value of a keyword holds, and the lines of an
/// included file stand where its Include stands.
Result<void> SshConfig::walk(Pass& pass) {
  // The lines in front of the first Host or Match hold for each host.
  bool active = true;
  std::vector<bool> around;  // was the line that included the file active?
  for (const auto& line : lines_) {
    // A Host or Match line in an included file holds only where the Include itself does.
    const bool outer = around.empty() || around.back();
    if (line.keyword == kIncludeBegins) {
      around.push_back(active);
    } else if (line.keyword == kIncludeEnds) {
      active = around.back();
      around.pop_back();
    } else if (line.keyword == "host") {
      active = outer && matches_patterns(line.arguments, pass.query.host);
    } else if (line.keyword == "match") {
      const auto is_final = [](const std::string& word) { return lower_case(word) == "final"; };
      if (std::any_of(line.arguments.begin(), line.arguments.end(), is_final)) pass.final_is_asked_for = true;
      active = outer;
      // A Match line may run a command, so it is not evaluated in vain.
      if (!active) continue;
      TRY_AS(matched, matches(line, pass));
      active = *matched;
    } else if (active && line.keyword == "identityfile") {
      // Every file counts, and each once; of any other keyword the first value counts.
      const auto is_same = [&](const ConfigLine& known) { return known.arguments == line.arguments; };
      auto& files = pass.values.identity_files;
      if (std::none_of(files.begin(), files.end(), is_same)) files.push_back(line);
    } else if (active) {
      // A jump host and a proxy command exclude each other: the first of either stands.
      const bool is_way = line.keyword == "proxyjump" || line.keyword == "proxycommand";
      const bool taken =
          pass.values.find("proxyjump") != nullptr || pass.values.find("proxycommand") != nullptr;
      if (is_way && taken) continue;
      auto& kept = pass.values.first.try_emplace(line.keyword, line).first->second;
      if (line.keyword == "sendenv" && kept.place != line.place)  // each line of it counts
        kept.arguments.insert(kept.arguments.end(), line.arguments.begin(), line.arguments.end());
    }
  }
  return {};
}

/// Criteria are joined by "and"; "!" in front of one negates it.
Result<bool> SshConfig::matches(const ConfigLine& line, const Pass& pass) {
  bool all = true;
  for (std::size_t i = 0; i < line.arguments.size(); ++i) {
    auto criterion = line.arguments[i];
    std::optional<std::string> argument;
    if (const auto equals = criterion.find('='); equals != std::string::npos) {  // "host=web"
      argument = criterion.substr(equals + 1);
      criterion.erase(equals);
    }
    criterion = lower_case(criterion);
    const bool negated = criterion.starts_with('!');
    if (negated) criterion.erase(0, 1);
    bool matched = false;
    if (criterion == "all") {
      matched = true;
    } else if (criterion == "final" || criterion == "canonical") {  // no name is made canonical, as for ssh
      matched = pass.final;
    } else {
      if (!argument && ++i < line.arguments.size()) argument = line.arguments[i];
      if (!argument) return refuse(line, "Match " + printable(criterion) + " has no argument");
      if (criterion == "exec" && !all) continue;  // as ssh: only if all before it matched
      TRY_AS(found, matches_criterion(line, criterion, *argument, pass));
      matched = *found;
    }
    // The rest of the line is still read, so that a slip in it is reported.
    if (matched == negated) all = false;
  }
  return all;
}

Result<bool> SshConfig::matches_criterion(const ConfigLine& line, const std::string& criterion,
                                          const std::string& argument, const Pass& pass) {
  if (criterion == "host") return matches_patterns({argument}, pass.host_name());
  if (criterion == "originalhost") return matches_patterns({argument}, pass.query.host);
  if (criterion == "user") return matches_patterns({argument}, pass.user());
  if (criterion == "localuser") return matches_patterns({argument}, local_user());
  if (criterion == "tagged") return matches_patterns({argument}, pass.values.value("tag").value_or(""));
  if (criterion == "exec") return matches_command(line, argument, pass);
  if (line.of_system) return false;  // written for ssh, by somebody else
  // A condition that cannot be tested might give the node a wrong key or a wrong way.
  return refuse(line, "Match " + printable(criterion) + " is not understood");
}

/// As for ssh: the line holds if the command ends with status 0. A command without an end is an error.
Result<bool> SshConfig::matches_command(const ConfigLine& line, const std::string& command,
                                        const Pass& pass) {
  TRY_AS(expanded, expand_tokens(command, pass.tokens(), line));
  // Once for each command: a thousand nodes often share one.
  const auto known = commands_.find(*expanded);
  if (known != commands_.end()) return known->second;
  // A line that was too slow once would stop the loop again for each other node.
  const auto succeeded = slow_.contains(line.place) ? std::nullopt : run_bounded(*expanded, kCommandLimit);
  if (!succeeded) {
    slow_.insert(line.place);
    return refuse(line, fmt::format("the command of Match exec did not end in {} s ({})",
                                    kCommandLimit.count(), printable(*expanded)));
  }
  return commands_.emplace(*expanded, *succeeded).first->second;
}

}  // namespace ec2mpi::ssh
