#include "src/ssh/libssh/user_config.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <cstdlib>
#include <map>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "ec2mpi/ssh/known_host_names.hpp"
#include "ec2mpi/ssh/libssh/jump_host.hpp"

namespace ec2mpi::ssh {

namespace {

/// These change neither the way to a node nor the trust in it nor the login, or they are about terminals,
/// forwarding and sharing, which ec2mpi does not do by ssh.
constexpr std::string_view kWithoutEffect =
    " addkeystoagent batchmode canonicaldomains canonicalizefallbacklocal "
    "canonicalizemaxdots canonicalizepermittedcnames checkhostip clearallforwardings "
    "controlmaster controlpath controlpersist dynamicforward enableescapecommandline "
    "enablesshkeysign escapechar exitonforwardfailure fingerprinthash forkafterauthentication forwardagent "
    "forwardx11 forwardx11timeout forwardx11trusted gatewayports gssapiauthentication "
    "gssapidelegatecredentials hashknownhosts hostbasedauthentication ignoreunknown ipqos "
    "kbdinteractiveauthentication kbdinteractivedevices localcommand localforward loglevel "
    "nohostauthenticationforlocalhost numberofpasswordprompts obscurekeystroketiming passwordauthentication "
    "permitlocalcommand permitremoteopen preferredauthentications proxyusefdpass rekeylimit remoteforward "
    "requesttty serveralivecountmax serveraliveinterval sessiontype stdinnull streamlocalbindmask "
    "streamlocalbindunlink syslogfacility tag tcpkeepalive tunnel tunneldevice updatehostkeys usekeychain "
    "userchallengeresponseauthentication challengeresponseauthentication visualhostkey xauthlocation ";

/// Those that host_settings() reads.
constexpr std::string_view kHonoured =
    " hostkeyalias hostname identitiesonly identityagent identityfile port proxycommand proxyjump "
    "pubkeyauthentication stricthostkeychecking user ";

/// Without these the connection would begin elsewhere or show other credentials.
constexpr std::string_view kRefused =
    " bindaddress bindinterface certificatefile pkcs11provider remotecommand ";

/// By whole words: "tunnel" must not be found in "tunneldevice".
bool is_in(std::string_view list, std::string_view keyword) {
  return fmt::format(" {} ", list).find(fmt::format(" {} ", keyword)) != std::string::npos;
}

/// "-l" of "-l ubuntu", and the word behind it.
struct OptionWord {
  std::string_view option;
  std::string_view value;
};

/// The argument of `ssh -W` in a ProxyCommand, also with brackets for IPv6, or quoted.
bool asks_for_forwarding(std::string_view value) {
  return value == "%h:%p" || value == "[%h]:%p" || value == "'[%h]:%p'" || value == "\"[%h]:%p\"" ||
         value == "'%h:%p'" || value == "\"%h:%p\"";
}

/// False if the option asks for more than a jump.
bool take_option(const OptionWord& word, Node& jump, bool& forwards) {
  if (word.option == "-W") return forwards = asks_for_forwarding(word.value);
  if (word.option == "-l" && is_user_name(word.value)) {
    jump.user = word.value;
    return true;
  }
  const auto port = parse_number(word.value);
  if (word.option != "-p" || !port || *port == 0 || *port > 65535) return false;
  jump.port = static_cast<std::uint16_t>(*port);
  return true;
}

/// Options without a value that make no difference to the way.
bool is_without_effect(std::string_view word) {
  return word.size() > 1 && word.starts_with('-') &&
         word.find_first_not_of("46AaCknNqTvxX", 1) == std::string_view::npos;
}

/// An option's value stands behind it, or is the next word.
std::optional<OptionWord> option_at(const std::vector<std::string>& list, std::size_t& i) {
  const std::string_view word = list[i];
  if (word.size() > 2) return OptionWord{word.substr(0, 2), word.substr(2)};
  if (i + 1 == list.size()) return std::nullopt;
  return OptionWord{word, list[++i]};
}

/// The words with their tokens replaced, except those that ask for forwarding. Nothing for a token that is
/// not known.
std::optional<std::vector<std::string>> command_words(std::string_view command, const Tokens& tokens) {
  std::vector<std::string> list;
  for (const auto word : words(command)) {
    const bool forwarding = asks_for_forwarding(word) || (word.starts_with("-W") && word.size() > 2);
    auto expanded = forwarding ? Result<std::string>(std::string(word)) : expand_tokens(word, tokens, {});
    if (!expanded) return std::nullopt;
    list.push_back(std::move(*expanded));
  }
  if (!list.empty() && list.front() == "exec") list.erase(list.begin());
  return list;
}

}  // namespace

/// Nothing for a command that does more than go through one host: ec2mpi runs no ProxyCommand.
std::optional<Node> jump_of_command(std::string_view command, const Tokens& tokens) {
  const auto list = command_words(command, tokens);
  if (!list || list->empty() || (list->front() != "ssh" && !list->front().ends_with("/ssh")))
    return std::nullopt;
  Node jump;
  bool forwards = false;
  for (std::size_t i = 1; i < list->size(); ++i) {
    const auto& word = (*list)[i];
    if (is_without_effect(word)) continue;
    if (!word.starts_with('-')) {
      if (!jump.address.empty() || !take_jump_host(word, jump)) return std::nullopt;
      continue;
    }
    const auto option = option_at(*list, i);
    if (!option || !take_option(*option, jump, forwards)) return std::nullopt;
  }
  if (!forwards || jump.address.empty()) return std::nullopt;
  return jump;
}

namespace {

std::unexpected<Error> refuse(const ConfigLine& line, std::string_view why) {
  return fail(ErrorKind::usage, fmt::format("{}: {}", line.place, why));
}

/// Whether the keyword is there and its value is yes. A value that ssh does not know is refused: a slip must
/// not make a setting weaker.
Result<bool> is_yes(const ConfigValues& values, std::string_view keyword, std::string_view other_values) {
  const auto* line = values.find(keyword);
  if (line == nullptr) return false;
  auto value = line->arguments.front();
  std::transform(value.begin(), value.end(), value.begin(), [](unsigned char c) { return std::tolower(c); });
  if (value == "yes" || value == "true") return true;
  if (is_in(other_values, value)) return false;
  return refuse(*line,
                fmt::format("{} is no value of {}", printable(line->arguments.front()), printable(keyword)));
}

/// ProxyJump, or a ProxyCommand that is nothing but a jump. Errors: usage.
Result<void> take_way(const ConfigLine& line, const Tokens& tokens, HostSettings& settings) {
  if (line.arguments.front() == "none") return {};
  if (line.keyword == "proxyjump") {
    TRY_AS(words, expand_tokens(line.arguments.front(), tokens, line));
    settings.jump = jump_of_words(*words);
    if (settings.jump) return {};
    return refuse(line,
                  fmt::format("ec2mpi goes through one jump host, and ProxyJump is {}; name one there or "
                              "by -J, or pass -F none to connect directly",
                              printable(line.rest)));
  }
  // The helper of FreeIPA's clients connects to the node itself.
  if (line.arguments.front().ends_with("sss_ssh_knownhostsproxy")) return {};
  settings.jump = jump_of_command(line.rest, tokens);
  if (settings.jump) return {};
  return refuse(line, fmt::format("ec2mpi does not run a ProxyCommand ({}); name a jump host by ProxyJump "
                                  "there or by -J, or pass -F none to connect directly",
                                  printable(line.rest)));
}

/// The line that names the way, unless a flag replaces it. There is one at most: the first of either keyword.
const ConfigLine* way_line(const ConfigValues& values, const ReplacedWays& replaced) {
  const auto* jump = values.find("proxyjump");
  const auto* line = jump != nullptr ? jump : values.find("proxycommand");
  if (line == nullptr || replaced.places.contains(line->place)) return nullptr;
  return line;
}

Result<void> take_port(const ConfigValues& values, HostSettings& settings) {
  const auto* line = values.find("port");
  if (line == nullptr) return {};
  const auto port = parse_number(line->arguments.front());
  if (!port || *port == 0 || *port > 65535)
    return refuse(*line, fmt::format("{} is no port", printable(line->arguments.front())));
  settings.port = static_cast<std::uint16_t>(*port);
  return {};
}

/// Relative names begin in the working folder, as with ssh.
Result<void> take_identity_files(const ConfigValues& values, const Tokens& tokens, HostSettings& settings) {
  for (const auto& line : values.identity_files) {
    if (line.arguments.front() == "none") continue;
    TRY_AS(name, expand_path(line.arguments.front(), tokens, line));
    auto file = expand_home(*name);
    if (file.is_relative()) file = std::filesystem::current_path() / file;
    settings.identity_files.push_back(std::move(file));
  }
  return {};
}

/// A path, `none`, `SSH_AUTH_SOCK` for the usual one, or `$NAME` of a variable.
Result<void> take_agent(const ConfigValues& values, const Tokens& tokens, HostSettings& settings) {
  const auto* line = values.find("identityagent");
  if (line == nullptr || line->arguments.front() == "SSH_AUTH_SOCK") return {};
  const auto& agent = line->arguments.front();
  if (agent == "none") {
    settings.agent = "";
  } else if (agent.starts_with('$') && !agent.starts_with("${")) {
    const char* path = std::getenv(agent.c_str() + 1);
    settings.agent = path == nullptr ? "" : path;
  } else {
    TRY_AS(path, expand_path(agent, tokens, *line));
    settings.agent = expand_home(*path).string();
  }
  return {};
}

/// ec2mpi logs in by keys only.
bool forbids_keys(const ConfigLine& line) {
  if (line.keyword == "pubkeyauthentication")
    return line.arguments.front() == "no" || line.arguments.front() == "false";
  return line.keyword == "preferredauthentications" &&
         ("," + line.arguments.front() + ",").find(",publickey,") == std::string::npos;
}

/// Whether the value asks for nothing that ec2mpi does not do. ec2mpi never sends its own locale, and
/// Debian's configuration asks ssh to.
bool asks_for_nothing(const ConfigLine& line) {
  const auto& keyword = line.keyword;
  const auto& value = line.arguments.front();
  if (keyword == "sendenv")
    return std::ranges::all_of(line.arguments,
                               [](const auto& name) { return name == "LANG" || name.starts_with("LC_"); });
  return (keyword == "addressfamily" && value == "any") || (keyword == "compression" && value == "no") ||
         (keyword == "connectionattempts" && value == "1") ||
         (keyword == "canonicalizehostname" && (value == "no" || value == "none"));
}

/// Each keyword is honoured, without effect, refused, or named in a note; none is ignored silently but those
/// that the user lists behind IgnoreUnknown.
Result<void> report_unused(const ConfigValues& values, HostSettings& settings) {
  const auto* ignoring = values.find("ignoreunknown");
  const auto ignored = ignoring == nullptr ? "" : lower_case(join(ignoring->arguments, ","));
  for (const auto& [keyword, line] : values.first) {
    if (forbids_keys(line)) {
      return refuse(line, fmt::format("ec2mpi logs in by keys only, and {} forbids it; remove it for these "
                                      "hosts, or pass -F none to go without the file",
                                      printable(keyword)));
    }
    if (is_in(kHonoured, keyword) || is_in(kWithoutEffect, keyword)) continue;
    const auto& value = line.arguments.front();
    // A line of the system's file was not written for ec2mpi, so it is only reported.
    if (is_in(kRefused, keyword) && !line.of_system && value != "none") {
      return refuse(line,
                    fmt::format("ec2mpi cannot do what {} asks for; remove it for these hosts, or pass -F "
                                "none to go without the file",
                                printable(keyword)));
    }
    if (asks_for_nothing(line) || names_host(ignored, keyword)) continue;
    auto& list = line.of_system ? settings.unused_of_system : settings.unused;
    list.push_back(fmt::format("{} ({})", printable(keyword), line.place));
  }
  return {};
}

}  // namespace

Result<HostSettings> host_settings(SshConfig& config, const ConfigQuery& query,
                                   const ReplacedWays& replaced) {
  TRY_AS(values, config.values_for(query));
  HostSettings settings;
  settings.host_name = query.host;
  if (const auto* line = values->find("hostname")) {
    TRY_AS(name, expand_tokens(line->arguments.front(), {{'h', query.host}}, *line));
    settings.host_name = *name;
    settings.host_place = line->place;
  }
  settings.user = values->value("user");
  if (settings.user && !is_user_name(*settings.user))
    return refuse(*values->find("user"), printable(*settings.user) + " is no user name");
  TRY(take_port(*values, settings));
  settings.key_alias = values->value("hostkeyalias").value_or("");
  // Behind HostName, User and Port, which the tokens stand for.
  const auto tokens =
      make_tokens({.original_host = query.host,
                   .host_name = settings.host_name,
                   .user = query.user.value_or(settings.user.value_or(std::string(kDefaultUser))),
                   .port = std::to_string(query.port.value_or(settings.port.value_or(22))),
                   .key_alias = settings.key_alias,
                   .jump = values->value("proxyjump").value_or("")});
  if (const auto* line = way_line(*values, replaced)) {
    settings.way_place = line->place;
    // -J replaces the way, so a way that ec2mpi cannot go is no error then.
    if (!replaced.all) TRY(take_way(*line, tokens, settings));
  }
  TRY(take_identity_files(*values, tokens, settings));
  TRY(take_agent(*values, tokens, settings));
  TRY_AS(identities_only, is_yes(*values, "identitiesonly", "no false"));
  TRY_AS(strict, is_yes(*values, "stricthostkeychecking", "no false off ask accept-new"));
  settings.identities_only = *identities_only;
  settings.strict = *strict;
  TRY(report_unused(*values, settings));
  return settings;
}

}  // namespace ec2mpi::ssh
