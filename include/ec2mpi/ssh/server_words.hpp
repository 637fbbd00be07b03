#pragma once
/// The reason that a server gave, as an error with a next step. Only libssh's error text holds that reason.

#include <optional>
#include <string>
#include <string_view>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::ssh {

/// The reason of a disconnect (RFC 4253, 11.1); nothing if the server gave none.
[[nodiscard]] std::optional<Error> explain_disconnect(std::string_view libssh_error);

/// Why a jump host did not open a connection to a node (RFC 4254, 5.1).
[[nodiscard]] std::string explain_refused_forward(std::string_view libssh_error);

/// OpenSSH ended the connection because of a request for a channel that it had not opened.
[[nodiscard]] bool is_end_for_unknown_channel(std::string_view libssh_error);

/// The node opens no channel at present, for example because of MaxSessions.
[[nodiscard]] bool is_refused_for_number(std::string_view libssh_error);

/// Why a node did not open a channel for a command (RFC 4254, 5.1).
[[nodiscard]] std::string explain_refused_session(std::string_view libssh_error);

}  // namespace ec2mpi::ssh
