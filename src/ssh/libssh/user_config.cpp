#include "src/ssh/libssh/user_config.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "src/ssh/libssh/handles.hpp"

namespace ec2mpi::ssh {

namespace {

std::optional<std::string> option(ssh_session session, ssh_options_e name) {
  char* value = nullptr;
  if (::ssh_options_get(session, name, &value) != SSH_OK) return std::nullopt;
  const StringHandle owned(value);
  return std::string(value);
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

Result<HostSettings> host_settings(const std::filesystem::path& ssh_config, const std::string& host) {
  const SessionHandle scratch(::ssh_new());
  ::ssh_options_set(scratch.get(), SSH_OPTIONS_HOST, host.c_str());
  const auto default_identity = option(scratch.get(), SSH_OPTIONS_IDENTITY);
  if (::ssh_options_parse_config(scratch.get(), ssh_config.c_str()) != SSH_OK) {
    return fail(ErrorKind::usage,
                fmt::format("{} has a line that is not understood; pass -F none to go without it",
                            printable(ssh_config.string())));
  }
  HostSettings settings;
  settings.host_name = option(scratch.get(), SSH_OPTIONS_HOST).value_or(host);
  settings.user = option(scratch.get(), SSH_OPTIONS_USER);
  unsigned int port = 0;
  if (::ssh_options_get_port(scratch.get(), &port) == SSH_OK && port != 0 && port != 22) {
    settings.port = static_cast<std::uint16_t>(port);
  }
  if (const auto identity = option(scratch.get(), SSH_OPTIONS_IDENTITY);
      identity && identity != default_identity) {
    settings.identity_files.push_back(expand_home(*identity));
  }
  if (const auto command = option(scratch.get(), SSH_OPTIONS_PROXYCOMMAND)) {
    settings.jump = jump_of_command(*command);
    if (!settings.jump) settings.proxy_command = printable(*command);
  }
  return settings;
}

}  // namespace ec2mpi::ssh
