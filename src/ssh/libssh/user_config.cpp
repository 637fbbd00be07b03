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

namespace ec2mpi::ssh {

namespace {

/// These change neither the way to a node nor who is trusted nor as whom one logs in, or they are about
/// terminals, forwarding and sharing, which ec2mpi does not do by ssh.
constexpr std::string_view kWithoutEffect =
    " addkeystoagent batchmode canonicaldomains canonicalizefallbacklocal canonicalizehostname "
    "canonicalizemaxdots canonicalizepermittedcnames checkhostip clearallforwardings compression "
    "connectionattempts controlmaster controlpath controlpersist dynamicforward enableescapecommandline "
    "enablesshkeysign escapechar exitonforwardfailure fingerprinthash forkafterauthentication forwardagent "
    "forwardx11 forwardx11timeout forwardx11trusted gatewayports gssapiauthentication "
    "gssapidelegatecredentials hashknownhosts hostbasedauthentication ignoreunknown ipqos "
    "kbdinteractiveauthentication kbdinteractivedevices localcommand localforward loglevel "
    "nohostauthenticationforlocalhost numberofpasswordprompts obscurekeystroketiming passwordauthentication "
    "permitlocalcommand permitremoteopen preferredauthentications proxyusefdpass rekeylimit remoteforward "
    "requesttty sendenv serveralivecountmax serveraliveinterval sessiontype stdinnull streamlocalbindmask "
    "streamlocalbindunlink syslogfacility tag tcpkeepalive tunnel tunneldevice updatehostkeys usekeychain "
    "userchallengeresponseauthentication challengeresponseauthentication visualhostkey xauthlocation ";

constexpr std::string_view kHonoured =
    " hostkeyalias hostname identitiesonly identityagent identityfile port proxycommand proxyjump "
    "pubkeyauthentication stricthostkeychecking user ";

/// Without these the connection would begin elsewhere or show other credentials.
constexpr std::string_view kRefused =
    " bindaddress bindinterface certificatefile pkcs11provider remotecommand ";

bool is_in(std::string_view list, std::string_view keyword) {
  return fmt::format(" {} ", list).find(fmt::format(" {} ", keyword)) != std::string::npos;
}

/// "-l" of "-l ubuntu", and the word behind it.
struct OptionWord {
  std::string_view option;
  std::string_view value;
};

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

/// "host" or "user@host".
bool take_host(std::string_view word, Node& jump) {
  if (const auto at = word.rfind('@'); at != std::string_view::npos) {
    if (!is_user_name(word.substr(0, at))) return false;
    jump.user = word.substr(0, at);
    word.remove_prefix(at + 1);
  }
  jump.address = word;
  return !word.empty() && word.find_first_of("'\"$`\\;|&<>") == std::string_view::npos;
}

}  // namespace

std::optional<Node> jump_of_command(std::string_view command) {
  auto list = words(command);
  if (!list.empty() && list.front() == "exec") list.erase(list.begin());
  if (list.empty() || (list.front() != "ssh" && !list.front().ends_with("/ssh"))) return std::nullopt;
  Node jump;
  bool forwards = false;
  for (std::size_t i = 1; i < list.size(); ++i) {
    if (list[i] == "-q" || list[i] == "-T") continue;
    if (!list[i].starts_with('-')) {
      if (!jump.address.empty() || !take_host(list[i], jump)) return std::nullopt;
    } else {
      if (i + 1 == list.size() || !take_option({list[i], list[i + 1]}, jump, forwards)) return std::nullopt;
      ++i;
    }
  }
  if (!forwards || jump.address.empty()) return std::nullopt;
  return jump;
}

std::optional<Node> jump_of_words(std::string_view words) {
  constexpr std::string_view kScheme = "ssh://";
  if (words.starts_with(kScheme)) words.remove_prefix(kScheme.size());
  if (words.find_first_of(", /") != std::string_view::npos) return std::nullopt;
  Node jump;
  const auto host_begins = words.rfind('@') == std::string_view::npos ? 0 : words.rfind('@') + 1;
  const auto bracket = words.find(']', host_begins);
  const auto colon = words.find(':', bracket == std::string_view::npos ? host_begins : bracket);
  const bool bare_ipv6 =
      colon != std::string_view::npos && words.find(':', colon + 1) != std::string_view::npos;
  if (colon != std::string_view::npos && !bare_ipv6) {
    const auto port = parse_number(words.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) return std::nullopt;
    jump.port = static_cast<std::uint16_t>(*port);
    words = words.substr(0, colon);
  }
  if (!take_host(words, jump)) return std::nullopt;
  if (jump.address.starts_with('[') && jump.address.ends_with(']'))
    jump.address = jump.address.substr(1, jump.address.size() - 2);
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

Result<void> take_way(const ConfigValues& values, HostSettings& settings) {
  if (const auto* line = values.find("proxyjump"); line != nullptr && line->arguments.front() != "none") {
    settings.jump = jump_of_words(line->arguments.front());
    if (!settings.jump) {
      return refuse(*line,
                    fmt::format("ec2mpi goes through one jump host, and ProxyJump is {}; name one there or "
                                "by -J, or pass -F none to connect directly",
                                printable(line->rest)));
    }
  }
  if (const auto* line = values.find("proxycommand"); line != nullptr && line->arguments.front() != "none") {
    settings.jump = jump_of_command(line->rest);
    if (!settings.jump) {
      return refuse(*line,
                    fmt::format("ec2mpi does not run a ProxyCommand ({}); name a jump host by ProxyJump "
                                "there or by -J, or pass -F none to connect directly",
                                printable(line->rest)));
    }
  }
  return {};
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

Result<void> take_identity_files(const ConfigValues& values, const std::map<char, std::string>& tokens,
                                 HostSettings& settings) {
  for (const auto& line : values.identity_files) {
    if (line.arguments.front() == "none") continue;
    TRY_AS(name, expand_tokens(line.arguments.front(), tokens, line));
    auto file = expand_home(*name);
    if (file.is_relative()) file = std::filesystem::current_path() / file;
    settings.identity_files.push_back(std::move(file));
  }
  return {};
}

/// A path, `none`, `SSH_AUTH_SOCK` for the usual one, or `$NAME` of a variable.
void take_agent(const ConfigValues& values, HostSettings& settings) {
  const auto agent = values.value("identityagent");
  if (!agent || *agent == "SSH_AUTH_SOCK") return;
  if (!agent->starts_with('$')) {
    settings.agent = *agent == "none" ? *agent : expand_home(*agent).string();
    return;
  }
  const char* path = std::getenv(agent->c_str() + 1);
  settings.agent = path == nullptr ? "none" : path;
}

Result<void> report_unused(const ConfigValues& values, HostSettings& settings) {
  for (const auto& [keyword, line] : values.first) {
    if (is_in(kHonoured, keyword) || is_in(kWithoutEffect, keyword)) continue;
    const auto& value = line.arguments.front();
    if (is_in(kRefused, keyword) && value != "none") {
      return refuse(line,
                    fmt::format("ec2mpi cannot do what {} asks for; remove it for these hosts, or pass -F "
                                "none to go without the file",
                                printable(keyword)));
    }
    if (keyword == "addressfamily" && value == "any") continue;
    settings.unused.push_back(fmt::format("{} ({})", printable(keyword), line.place));
  }
  return {};
}

}  // namespace

Result<HostSettings> host_settings(SshConfig& config, const ConfigQuery& query) {
  TRY_AS(values, config.values_for(query));
  HostSettings settings;
  settings.host_name = query.host;
  if (const auto* line = values->find("hostname")) {
    TRY_AS(name, expand_tokens(line->arguments.front(), {{'h', query.host}}, *line));
    settings.host_name = *name;
  }
  settings.user = values->value("user");
  if (settings.user && !is_user_name(*settings.user))
    return refuse(*values->find("user"), printable(*settings.user) + " is no user name");
  TRY(take_port(*values, settings));
  TRY(take_way(*values, settings));
  const std::map<char, std::string> tokens{{'h', settings.host_name},
                                           {'n', query.host},
                                           {'p', std::to_string(settings.port.value_or(22))},
                                           {'r', query.user.value_or(settings.user.value_or("ubuntu"))},
                                           {'d', home_folder().string()},
                                           {'i', std::to_string(::geteuid())}};
  TRY(take_identity_files(*values, tokens, settings));
  take_agent(*values, settings);
  settings.key_alias = values->value("hostkeyalias").value_or("");
  TRY_AS(identities_only, is_yes(*values, "identitiesonly", "no false"));
  TRY_AS(strict, is_yes(*values, "stricthostkeychecking", "no false off ask accept-new"));
  settings.identities_only = *identities_only;
  settings.strict = *strict;
  TRY(report_unused(*values, settings));
  return settings;
}

}  // namespace ec2mpi::ssh
