#pragma once
/// The names of a line of known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

#include <string_view>

namespace ec2mpi::ssh {

/// Whether these can be the names of a line: a hashed one must be whole.
[[nodiscard]] bool are_host_names(std::string_view names);

/// Whether the names are one name, to be compared as it is.
[[nodiscard]] bool is_plain_host_name(std::string_view names);

/// Whether a host, in lower case, is one of the names: in a list with commas, by wildcards, not excluded by a
/// `!`, or hashed as `|1|SALT|HMAC`.
[[nodiscard]] bool names_host(std::string_view names, std::string_view host);

}  // namespace ec2mpi::ssh
