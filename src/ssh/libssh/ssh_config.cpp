#include "src/ssh/libssh/ssh_config.hpp"

#include <fmt/format.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ssh/known_host_names.hpp"

namespace ec2mpi::ssh {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestFile = 1024 * 1024;
constexpr int kDeepestInclude = 16;  ///< as ssh

/// Stand around the lines of an included file, for a Host line in it ends with it.
constexpr std::string_view kIncludeBegins = "{";
constexpr std::string_view kIncludeEnds = "}";

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

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

/// Whether nobody but the user is in the group: it has the user's name, as with a umask of 002.
bool is_own_group(gid_t id) {
  const auto* user = ::getpwuid(::geteuid());
  const std::string name = user == nullptr ? "" : user->pw_name;
  const auto* group = ::getgrgid(id);
  return !name.empty() && group != nullptr && group->gr_name == name && *group->gr_mem == nullptr;
}

/// ssh runs commands that a configuration names, so the file must be the user's own.
Result<void> check_owner(const fs::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0)
    return fail(ErrorKind::usage, fmt::format("the ssh configuration {} cannot be read: {}",
                                              printable(file.string()), std::strerror(errno)));
  const bool ours = info.st_uid == ::geteuid() || info.st_uid == 0;
  const bool by_others =
      (info.st_mode & 002) != 0 || ((info.st_mode & 020) != 0 && !is_own_group(info.st_gid));
  if (!S_ISREG(info.st_mode) || (ours && !by_others)) return {};
  return fail(ErrorKind::usage,
              fmt::format("the ssh configuration {} {}, so it is not used; {}", printable(file.string()),
                          ours ? "can be changed by others" : "belongs to another user",
                          ours ? "type: chmod go-w " + quote_word(file.string()) : "name another with -F"));
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

Result<std::string> expand_tokens(std::string_view text, const std::map<char, std::string>& tokens,
                                  const ConfigLine& line) {
  std::string expanded;
  while (!text.empty()) {
    const auto percent = text.find('%');
    expanded += text.substr(0, percent);
    if (percent == std::string_view::npos) break;
    text.remove_prefix(percent + 1);
    const char token = text.empty() ? '\0' : text.front();
    const auto known = tokens.find(token);
    if (token == '%')
      expanded += '%';
    else if (known != tokens.end())
      expanded += known->second;
    else
      return refuse(line, fmt::format("%{} is not understood", printable(text.substr(0, 1))));
    text.remove_prefix(1);
  }
  return expanded;
}

Result<SshConfig> SshConfig::load(const fs::path& file) {
  SshConfig config;
  TRY(config.read(file, 0));
  return config;
}

Result<void> SshConfig::read(const fs::path& file, int depth) {
  TRY(check_owner(file));
  const auto text = read_file(file, kLargestFile);
  if (!text) return std::unexpected(Error{ErrorKind::usage, text.error().message});
  int number = 0;
  for (const auto line : split(*text, '\n')) {
    TRY_AS(parsed, parse_config_line(line, fmt::format("{}:{}", printable(file.string()), ++number)));
    if (!*parsed) continue;
    if ((*parsed)->keyword == "include") {
      TRY(include(**parsed, depth));
    } else {
      lines_.push_back(std::move(**parsed));
    }
  }
  return {};
}

Result<void> SshConfig::include(const ConfigLine& line, int depth) {
  if (depth >= kDeepestInclude) return refuse(line, "files include each other too deeply");
  for (const auto& argument : line.arguments) {
    auto pattern = expand_home(argument);
    if (pattern.is_relative()) pattern = home_folder() / ".ssh" / pattern;
    glob_t found{};
    ::glob(pattern.c_str(), 0, nullptr, &found);
    std::vector<fs::path> files(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    ::globfree(&found);
    for (const auto& file : files) {
      lines_.push_back({std::string(kIncludeBegins), {}, {}, line.place});
      TRY(read(file, depth + 1));
      lines_.push_back({std::string(kIncludeEnds), {}, {}, line.place});
    }
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
    return query.user.value_or(values.value("user").value_or(local_user()));
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

Result<void> SshConfig::walk(Pass& pass) {
  bool active = true;
  std::vector<bool> around;  // was the line that included the file active?
  for (const auto& line : lines_) {
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
      if (!active) continue;
      TRY_AS(matched, matches(line, pass));
      active = *matched;
    } else if (active && line.keyword == "identityfile") {
      const auto is_same = [&](const ConfigLine& known) { return known.arguments == line.arguments; };
      auto& files = pass.values.identity_files;
      if (std::none_of(files.begin(), files.end(), is_same)) files.push_back(line);
    } else if (active) {
      // A jump host and a proxy command exclude each other: the first of either stands.
      const bool is_way = line.keyword == "proxyjump" || line.keyword == "proxycommand";
      const bool taken =
          pass.values.find("proxyjump") != nullptr || pass.values.find("proxycommand") != nullptr;
      if (!is_way || !taken) pass.values.first.emplace(line.keyword, line);
    }
  }
  return {};
}

Result<bool> SshConfig::matches(const ConfigLine& line, const Pass& pass) {
  bool all = true;
  for (std::size_t i = 0; i < line.arguments.size(); ++i) {
    auto criterion = lower_case(line.arguments[i]);
    const bool negated = criterion.starts_with('!');
    if (negated) criterion.erase(0, 1);
    bool matched = false;
    if (criterion == "all") {
      matched = true;
    } else if (criterion == "final") {
      matched = pass.final;
    } else if (criterion != "canonical") {  // no name is made canonical
      if (++i == line.arguments.size())
        return refuse(line, "Match " + printable(criterion) + " has no argument");
      const auto& argument = line.arguments[i];
      if (criterion == "host") {
        matched = matches_patterns({argument}, pass.host_name());
      } else if (criterion == "originalhost") {
        matched = matches_patterns({argument}, pass.query.host);
      } else if (criterion == "user") {
        matched = matches_patterns({argument}, pass.user());
      } else if (criterion == "localuser") {
        matched = matches_patterns({argument}, local_user());
      } else if (criterion == "exec") {
        if (!all) continue;  // as ssh: only if all before it matched
        TRY_AS(ran, matches_command(line, argument, pass));
        matched = *ran;
      } else {
        return refuse(line, "Match " + printable(criterion) + " is not understood");
      }
    }
    if (matched == negated) all = false;
  }
  return all;
}

Result<bool> SshConfig::matches_command(const ConfigLine& line, const std::string& command,
                                        const Pass& pass) {
  const auto host = local_host();
  TRY_AS(expanded, expand_tokens(command,
                                 {{'h', pass.host_name()},
                                  {'n', pass.query.host},
                                  {'p', pass.values.value("port").value_or("22")},
                                  {'r', pass.user()},
                                  {'u', local_user()},
                                  {'l', host},
                                  {'L', host.substr(0, host.find('.'))},
                                  {'d', home_folder().string()},
                                  {'i', std::to_string(::geteuid())}},
                                 line));
  const auto known = commands_.find(*expanded);
  if (known != commands_.end()) return known->second;
  // The user's own words for the user's own shell, as ssh runs them; its output is nobody's.
  const bool succeeded = std::system(("{ " + *expanded + "\n} </dev/null >/dev/null 2>&1").c_str()) == 0;
  return commands_.emplace(*expanded, succeeded).first->second;
}

}  // namespace ec2mpi::ssh
