#include "ec2mpi/ops/process/end_marked.hpp"

#include <fmt/format.h>
#include <optional>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "ec2mpi/ops/node/root_access.hpp"
#include "src/ops/process/programs.hpp"

namespace ec2mpi::ops {

namespace {

// Between TERM and KILL (end_marked.sh).
constexpr int kGraceSeconds = 2;
constexpr std::string_view kEnded = "ended ";
constexpr std::string_view kLeft = "left ";
// Stands in front of the answer, where an ec2mpi that does not know the line skips it.
constexpr std::string_view kUsage = "usage ";

std::string described(const Process& process) {
  return fmt::format("pid {}{}{}", process.pid, process.name.empty() ? "" : " ", process.name);
}

std::optional<Process> parse_process(std::string_view line, std::string_view word) {
  if (!line.starts_with(word)) return std::nullopt;
  line.remove_prefix(word.size());
  if (line.find(' ') == std::string_view::npos) return std::nullopt;
  const auto [number, name] = first_word(line);
  const auto pid = parse_number(number);
  // Fits into an int; Linux has no larger pids than 2^22.
  if (!pid || *pid > 1U << 30U) return std::nullopt;
  return Process{static_cast<int>(*pid), printable(name)};
}

/// As the login user, or as root if the programs are root's: nobody else may signal them.
std::string stop_command(const std::string& mark, const SudoAccess& sudo) {
  const auto script = stop_script(mark, kGraceSeconds);
  if (!sudo.used) return set_variables({{"program", script}}).append(kChooseRootSh);
  // -n: sudo must not ask. -S: the password comes by standard input, so no command line holds it.
  return (sudo.password.empty() ? "exec sudo -n sh -c " : "exec sudo -S -p '' sh -c ") + quote_word(script);
}

std::string reason_of(std::string_view printed) {
  auto refusal = sudo_refusal(printed);
  return refusal.empty() ? printable(trim(printed)) : refusal;
}

}  // namespace

std::string Swept::describe() const {
  if (left.empty()) return "nothing left running";
  std::string all;
  for (const auto& process : left) all += (all.empty() ? "" : ", ") + described(process);
  return "still running: " + all;
}

Result<Swept> parse_swept(std::string_view printed) {
  Swept swept;
  bool begun = false;
  if (printed.ends_with('\n')) printed.remove_suffix(1);
  for (const auto line : split(printed, '\n')) {
    if (!begun) {
      begun = line == "ec2mpi-sweep 1";
      if (line.starts_with(kUsage)) swept.usage = parse_usage(line.substr(kUsage.size()));
    } else if (line == "ec2mpi-sweep end") {
      return swept;
    } else if (auto ended = parse_process(line, kEnded)) {
      swept.ended.push_back(std::move(*ended));
    } else if (auto left = parse_process(line, kLeft)) {
      swept.left.push_back(std::move(*left));
    } else {
      return fail(ErrorKind::remote_io, fmt::format("its answer about running processes makes no sense: {}",
                                                    printable(line.substr(0, 80))));
    }
  }
  // Without its last line, the answer proves nothing.
  return fail(ErrorKind::remote_io, "the node did not finish its look at running processes");
}

std::string find_marked_functions() {
  return set_variables({{"self", ""}, {"seen", ""}, {"spared", ""}})
      .append(own_tools_text())
      .append(kFindMarkedSh);
}

std::string stop_script(const std::string& mark, int grace_seconds) {
  return set_variables({{"mark", mark}}) + find_marked_functions() +
         set_variables({{"grace", std::to_string(grace_seconds)}, {"siblings", "yes"}}).append(kEndMarkedSh);
}

asio::awaitable<Result<Swept>> stop_marked(ssh::Session& session, std::string mark, SudoAccess sudo,
                                           Limit limit) {
  auto command = stop_command(mark, sudo);
  // sudo -S reads a line.
  if (!sudo.password.empty()) sudo.password += '\n';
  CO_TRY_AS(captured, co_await capture(session, std::move(command), limit, std::move(sudo.password)));
  // With output, the status does not matter: parse_swept finds out whether the answer is whole.
  if (!captured->status.ok() && captured->out.empty())
    co_return fail(ErrorKind::remote_io, "cannot look: " + reason_of(captured->err));
  co_return parse_swept(captured->out);
}

}  // namespace ec2mpi::ops
