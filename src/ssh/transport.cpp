#include "ec2mpi/ssh/transport.hpp"

#include <fmt/format.h>
#include <array>
#include <csignal>

#include "ec2mpi/base/event.hpp"

namespace ec2mpi::ssh {

namespace {
struct SignalName {
  std::string_view name;
  int number;
};
/// The names of RFC 4254, 6.10, and those that OpenSSH adds by their local numbers.
constexpr std::array<SignalName, 15> kSignals = {{{"ABRT", SIGABRT},
                                                  {"ALRM", SIGALRM},
                                                  {"FPE", SIGFPE},
                                                  {"HUP", SIGHUP},
                                                  {"ILL", SIGILL},
                                                  {"INT", SIGINT},
                                                  {"KILL", SIGKILL},
                                                  {"PIPE", SIGPIPE},
                                                  {"QUIT", SIGQUIT},
                                                  {"SEGV", SIGSEGV},
                                                  {"TERM", SIGTERM},
                                                  {"USR1", SIGUSR1},
                                                  {"USR2", SIGUSR2},
                                                  {"BUS", SIGBUS},
                                                  {"XCPU", SIGXCPU}}};
}  // namespace

/// The code that a shell would report: 128 and the signal's number.
int ExitStatus::shell_code() const {
  if (signal.empty()) return code;
  for (const auto& known : kSignals) {
    if (known.name == signal) return 128 + known.number;
  }
  // A signal that this system does not have.
  return 128;
}

std::string ExitStatus::describe() const {
  if (!signal.empty()) return fmt::format("killed by signal {}", signal);
  return fmt::format("exit {}", code);
}

/// The event loop gets a turn before each read, so a node that sends without end holds off nothing.
awaitable<Result<std::optional<Chunk>>> Channel::read(Limit limit) {
  const Wake wake = co_await yield_to_loop(limit);
  if (wake != Wake::notified) co_return wake_error(wake, "the command did not end in time");
  auto chunk = co_await receive(std::move(limit));
  co_return chunk;
}

awaitable<Result<void>> Channel::write(std::string_view bytes, Limit limit) {
  while (!bytes.empty()) {
    const Wake wake = co_await yield_to_loop(limit);
    if (wake != Wake::notified) co_return wake_error(wake, "the node stopped taking data");
    // In blocks, as libssh encrypts all that it is given before anything else gets its turn.
    const auto block = bytes.substr(0, kWriteBlock);
    auto sent = co_await send(block, limit);
    if (!sent) co_return sent;
    bytes.remove_prefix(block.size());
  }
  co_return Result<void>{};
}

std::string_view phase_name(Phase phase) {
  switch (phase) {
    case Phase::waiting:
      return "waiting for its turn";
    case Phase::resolving:
      return "resolving";
    case Phase::connecting:
      return "connecting";
    case Phase::banner:
      return "waiting for the banner";
    case Phase::key_exchange:
      return "key exchange";
    case Phase::authenticating:
      return "authenticating";
    case Phase::running:
      return "running";
    case Phase::done:
      return "done";
  }
  return "";
}

}  // namespace ec2mpi::ssh
