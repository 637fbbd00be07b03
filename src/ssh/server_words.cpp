#include "ec2mpi/ssh/server_words.hpp"

#include <fmt/format.h>
#include <array>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ssh {

namespace {

struct ServerReason {
  std::uint64_t code = 0;
  std::string words;  ///< of the server, printable
};

/// The number between `before` and `after`, and the text behind that.
std::optional<ServerReason> find_reason(std::string_view text, std::string_view before,
                                        std::string_view after) {
  const auto start = text.find(before);
  if (start == std::string_view::npos) return std::nullopt;
  text.remove_prefix(start + before.size());
  const auto end = text.find(after);
  const auto code = parse_number(text.substr(0, end));
  if (!code) return std::nullopt;
  return ServerReason{*code, printable(trim(text.substr(end + after.size())))};
}

/// The kind decides whether a retry can help.
struct DisconnectMeaning {
  ErrorKind kind;
  const char* meaning;
};

/// By code (RFC 4253, 11.1), from 1; those of OpenSSH's sshd that mean more than their words
/// come first in explain_disconnect().
constexpr std::array<DisconnectMeaning, 15> kDisconnects = {{
    {ErrorKind::unreachable,
     "its sshd does not let this machine connect; see its hosts.deny and Match blocks"},
    {ErrorKind::protocol, "its sshd ended the connection"},
    {ErrorKind::protocol, "no common ssh algorithm with its sshd"},
    {ErrorKind::protocol, "its sshd ended the connection for a reserved reason"},
    {ErrorKind::protocol, "a packet arrived damaged; something between changes the bytes? Try again"},
    {ErrorKind::protocol, "its sshd could not compress or unpack the data"},
    {ErrorKind::protocol, "its sshd does not offer logins; is this the port of sshd (-p)?"},
    {ErrorKind::protocol, "its sshd does not speak version 2 of ssh; it must be updated"},
    {ErrorKind::protocol, "its sshd calls the host key unverifiable"},
    {ErrorKind::unreachable, "its sshd lost the connection; try again"},
    {ErrorKind::unreachable, "its sshd ended the connection; is it shutting down, or at a limit?"},
    {ErrorKind::unreachable, "its sshd has too many connections; try again, or with a smaller -f"},
    {ErrorKind::auth, "its sshd broke off the login"},
    {ErrorKind::auth, "its sshd has no way left to log in; does it allow keys (PubkeyAuthentication)?"},
    {ErrorKind::auth, "its sshd does not accept this user name; name another with -l"},
}};

std::optional<ServerReason> disconnect_reason(std::string_view libssh_error) {
  return find_reason(libssh_error, "SSH_MSG_DISCONNECT: ", ":");
}

/// libssh: "Channel opening failure: channel 43 error (2) open failed".
std::optional<ServerReason> channel_refusal(std::string_view libssh_error) {
  return find_reason(libssh_error, " error (", ")");
}

}  // namespace

std::optional<Error> explain_disconnect(std::string_view libssh_error) {
  const auto reason = disconnect_reason(libssh_error);
  if (!reason) return std::nullopt;
  // OpenSSH sends this as a protocol error (code 2), which alone says nothing.
  if (reason->words.find("Too many authentication failures") != std::string::npos) {
    return Error{
        ErrorKind::auth,
        "its sshd ended the login after too many wrong keys (Too many authentication failures); name the "
        "right one with -i, or take the others out of the agent (ssh-add -d)"};
  }
  // A code that is not known counts as 2, which says no more than that the connection is over.
  const bool known = reason->code >= 1 && reason->code <= kDisconnects.size();
  const auto& [kind, meaning] = kDisconnects[known ? reason->code - 1 : 1];
  return Error{kind, fmt::format("{}: it said '{}' (code {})", meaning, reason->words, reason->code)};
}

/// By the codes of RFC 4254, 5.1, as they apply to a jump host.
std::string explain_refused_forward(std::string_view libssh_error) {
  const auto reason = channel_refusal(libssh_error);
  if (!reason) return "the jump host cannot reach it; stopped, or closed by its security group?";
  switch (reason->code) {
    case 1:
      return fmt::format(
          "the jump host forbids forwarding (administratively prohibited: {}); its sshd needs "
          "AllowTcpForwarding "
          "yes and no PermitOpen, or use another jump host",
          reason->words);
    case 2:
      return fmt::format("the jump host cannot reach it ({}); stopped, or closed by its security group?",
                         reason->words);
    case 3:
      return fmt::format("the jump host cannot forward connections ({}); use one with OpenSSH",
                         reason->words);
    case 4:
      return fmt::format("the jump host has no resources left ({}); try again with a smaller -f",
                         reason->words);
    default:
      return fmt::format("the jump host opened no connection to it: {} (code {})", reason->words,
                         reason->code);
  }
}

bool is_end_for_unknown_channel(std::string_view libssh_error) {
  const auto reason = disconnect_reason(libssh_error);
  return reason && reason->words.find("unknown channel") != std::string::npos;
}

/// OpenSSH answers so beyond MaxSessions: SSH_OPEN_CONNECT_FAILED.
bool is_refused_for_number(std::string_view libssh_error) {
  const auto reason = channel_refusal(libssh_error);
  return reason && reason->code == 2;
}

/// By the same codes, as they apply to a node that is to run a command.
std::string explain_refused_session(std::string_view libssh_error) {
  const auto reason = channel_refusal(libssh_error);
  constexpr const char* kRefusal = "the node refused to open a channel";
  if (!reason) return kRefusal;
  switch (reason->code) {
    case 1:
      return fmt::format("{} (administratively prohibited: {}); this user or key may run no commands there",
                         kRefusal, reason->words);
    case 2:
      return fmt::format("{} ({}); MaxSessions of its sshd may be too small", kRefusal, reason->words);
    case 3:
      return fmt::format("{} ({}); its ssh server runs no commands", kRefusal, reason->words);
    case 4:
      return fmt::format("{} ({}); it has no resources left", kRefusal, reason->words);
    default:
      return fmt::format("{}: {} (code {})", kRefusal, reason->words, reason->code);
  }
}

}  // namespace ec2mpi::ssh
