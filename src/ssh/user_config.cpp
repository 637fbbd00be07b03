#include "src/ssh/user_config.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "src/ssh/handles.hpp"

namespace ec2mpi::ssh {

namespace {

std::optional<std::string> option(ssh_session session, ssh_options_e name) {
  char* value = nullptr;
  if (::ssh_options_get(session, name, &value) != SSH_OK) return std::nullopt;
  const StringHandle owned(value);
  return std::string(value);
}

}  // namespace

Result<HostSettings> host_settings(const std::filesystem::path& ssh_config, const std::string& host) {
  const SessionHandle scratch(::ssh_new());
  ::ssh_options_set(scratch.get(), SSH_OPTIONS_HOST, host.c_str());
  const auto default_identity = option(scratch.get(), SSH_OPTIONS_IDENTITY);
  if (::ssh_options_parse_config(scratch.get(), ssh_config.c_str()) != SSH_OK) {
    return fail(ErrorKind::usage, fmt::format("{} has a line that is not understood; pass -F none to go without it",
                                              printable(ssh_config.string())));
  }
  HostSettings settings;
  settings.host_name = option(scratch.get(), SSH_OPTIONS_HOST).value_or(host);
  settings.user = option(scratch.get(), SSH_OPTIONS_USER);
  unsigned int port = 0;
  if (::ssh_options_get_port(scratch.get(), &port) == SSH_OK && port != 0 && port != 22) {
    settings.port = static_cast<std::uint16_t>(port);
  }
  if (const auto identity = option(scratch.get(), SSH_OPTIONS_IDENTITY); identity && identity != default_identity) {
    settings.identity_files.push_back(expand_home(*identity));
  }
  return settings;
}

}  // namespace ec2mpi::ssh
