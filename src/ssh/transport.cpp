#include "ec2mpi/ssh/transport.hpp"

#include <fmt/format.h>
#include <array>
#include <csignal>

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

int ExitStatus::shell_code() const {
  if (signal.empty()) return code;
  for (const auto& known : kSignals) {
    if (known.name == signal) return 128 + known.number;
  }
  return 128;
}

std::string ExitStatus::describe() const {
  if (!signal.empty()) return fmt::format("killed by signal {}", signal);
  return fmt::format("exit {}", code);
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
