#include "ec2mpi/ops/exec/root_command.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/fleet/lines.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::size_t kMostComplaint = 2000;

std::string command_for(RootAccess access, const RootScript& script) {
  std::vector<std::string> words;
  if (access == RootAccess::sudo) words = {"sudo", "-n"};
  if (access == RootAccess::password) words = {"sudo", "-S", "-p", ""};
  words.insert(words.end(), {"sh", "-c", script.text, "sh"});
  words.insert(words.end(), script.arguments.begin(), script.arguments.end());
  return "exec " + quote_words(words);
}

std::unexpected<Error> no_password() {
  return fail(ErrorKind::auth, "sudo wants a password; none was given");
}

Error failure_of(const ssh::ExitStatus& status, std::string_view complaint) {
  const auto lines = split(trim(complaint), '\n');
  const auto last = trim(lines.back());
  if (complaint.find("try again") != std::string_view::npos && last.find("sudo") != std::string_view::npos)
    return {ErrorKind::auth, "sudo refused the password"};
  return {ErrorKind::remote_io,
          last.empty() ? "a script as root ended with " + status.describe() : printable(last)};
}

}  // namespace

bool can_be_root(RootAccess access, const PasswordSource& password) {
  return access == RootAccess::self || access == RootAccess::sudo ||
         (access == RootAccess::password && password != nullptr);
}

asio::awaitable<Result<void>> run_as_root(NodeRun run, RootAccess access, PasswordSource password,
                                          RootScript script) {
  std::string answer;
  if (access == RootAccess::password) {
    const auto given = password ? password() : std::nullopt;
    if (!given) co_return no_password();
    answer = *given + "\n";
  }
  ssh::Request request{.command = command_for(access, script)};
  CO_TRY_AS(channel, co_await start_program(run.session, std::move(request), run.limit));
  auto written = co_await (*channel)->write(answer, run.limit);
  if (!written) co_return written;
  (*channel)->close_input();
  LineCutter lines;
  std::string complaint;
  for (;;) {
    CO_TRY_AS(chunk, co_await (*channel)->read(run.limit));
    if (!*chunk) break;
    if ((*chunk)->stream == ssh::Stream::err) {
      complaint += (*chunk)->bytes;
      if (complaint.size() > kMostComplaint) complaint.erase(0, complaint.size() - kMostComplaint);
    } else if (script.on_line) {
      lines.feed((*chunk)->bytes, script.on_line);
    }
  }
  if (script.on_line) lines.finish(script.on_line);
  CO_TRY_AS(status, (*channel)->exit_status());
  if (status->ok()) co_return Result<void>{};
  auto error = failure_of(*status, complaint);
  co_return std::unexpected(std::move(error));
}

}  // namespace ec2mpi::ops
