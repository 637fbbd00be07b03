#include "ec2mpi/ops/exec/root_command.hpp"

#include <fmt/format.h>
#include <memory>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/fleet/lines.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "ec2mpi/ops/node/root_access.hpp"

namespace ec2mpi::ops {

namespace {

/// The end of standard error is kept: the message is its last line.
constexpr std::size_t kMostComplaint = 2000;

/// sudo prompts with words of our own, and the script's shell reports that it has begun: a password goes only
/// to sudo, and input only to the script.
struct RootMarks {
  std::string prompt = fmt::format("[{} password]", random_hex(16));
  std::string begin = fmt::format("[{} begin]", random_hex(16));
};

std::string command_for(RootAccess access, const RootScript& script, const RootMarks& marks) {
  std::vector<std::string> words;
  if (access == RootAccess::sudo) words = {"sudo", "-n"};
  if (access == RootAccess::password) words = {"sudo", "-S", "-p", marks.prompt};
  words.insert(
      words.end(),
      {"sh", "-c", fmt::format("echo {}\n{}{}", quote_word(marks.begin), check_noexec_text(), script.text),
       "sh"});
  words.insert(words.end(), script.arguments.begin(), script.arguments.end());
  return "exec " + quote_words(words);
}

std::unexpected<Error> no_password() {
  return fail(ErrorKind::auth, "sudo wants a password; none was given");
}

Error failure_of(const ssh::ExitStatus& status, std::string_view complaint) {
  const auto lines = split(trim(complaint), '\n');
  auto last = trim(lines.back());
  while (last.starts_with("ec2mpi: ")) last.remove_prefix(8);  // programs of ours print it
  // Both words must be there: the script's own words are no refusal of sudo.
  if (complaint.find("try again") != std::string_view::npos && last.find("sudo") != std::string_view::npos)
    return {ErrorKind::auth, "sudo refused the password"};
  return {ErrorKind::remote_io,
          last.empty() ? "a script as root ended with " + status.describe() : printable(last)};
}

/// One run of a script, from its start to its exit status.
class RootRun {
 public:
  RootRun(NodeRun run, RootScript script, std::string password)
      : run_(run), script_(std::move(script)), password_(std::move(password)) {}
  RootRun(const RootRun&) = delete;
  RootRun& operator=(const RootRun&) = delete;
  ~RootRun() { wipe(password_); }

  /// Reads until the script's end, and answers as soon as sudo or the script is ready for it.
  asio::awaitable<Result<void>> run(RootAccess access) {
    ssh::Request request{.command = command_for(access, script_, marks_)};
    CO_TRY_AS(channel, co_await start_program(run_.session, std::move(request), run_.limit));
    for (;;) {
      CO_TRY_AS(chunk, co_await (*channel)->read(run_.limit));
      if (!*chunk) break;
      take(**chunk);
      CO_TRY(co_await answer(**channel));
    }
    lines_.finish(line_taker());
    CO_TRY_AS(status, (*channel)->exit_status());
    if (status->ok()) co_return Result<void>{};
    if (!has_begun_ && !refusal_.empty()) co_return fail(ErrorKind::auth, refusal_);
    auto error = failure_of(*status, complaint_);
    co_return std::unexpected(std::move(error));
  }

 private:
  void take(const ssh::Chunk& chunk) {
    if (chunk.stream == ssh::Stream::out) {
      lines_.feed(chunk.bytes, line_taker());
      return;
    }
    complaint_ += chunk.bytes;
    // The prompt may arrive in pieces, so it is looked for in all that has come.
    if (const auto at = complaint_.find(marks_.prompt); at != std::string::npos) {
      complaint_.erase(at, marks_.prompt.size());
      ++prompts_;
    }
    // The refusal may be longer than the part that is kept.
    if (refusal_.empty()) refusal_ = sudo_refusal(complaint_);
    if (complaint_.size() > kMostComplaint) complaint_.erase(0, complaint_.size() - kMostComplaint);
  }

  std::function<void(std::string_view)> line_taker() {
    return [this](std::string_view line) {
      if (line == marks_.begin)
        has_begun_ = true;
      else if (script_.on_line)
        script_.on_line(line);
    };
  }

  /// A second prompt means that sudo has refused the password.
  asio::awaitable<Result<void>> answer(ssh::Channel& channel) {
    if (is_closed_) co_return Result<void>{};
    if (prompts_ == 1 && !is_asked_ && !has_begun_) {
      is_asked_ = true;
      password_ += "\n";
      auto written = co_await channel.write(password_, run_.limit);
      co_return written;
    }
    if (prompts_ < 2 && !has_begun_) co_return Result<void>{};
    Result<void> written;
    if (has_begun_ && !script_.input.empty()) written = co_await channel.write(script_.input, run_.limit);
    // At a second prompt nothing is sent: sudo ends when it finds the end of its input.
    channel.close_input();
    is_closed_ = true;
    co_return written;
  }

  NodeRun run_;
  RootScript script_;
  RootMarks marks_;
  std::string password_;
  LineCutter lines_;
  std::string complaint_;
  std::string refusal_;  ///< of sudo
  int prompts_ = 0;
  bool is_asked_ = false;
  bool has_begun_ = false;
  bool is_closed_ = false;
};

/// Owns the run, so that the password is wiped however the coroutine ends.
asio::awaitable<Result<void>> run_to_end(std::unique_ptr<RootRun> run, RootAccess access) {
  auto ended = co_await run->run(access);
  co_return ended;
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
    auto given = password ? password() : std::nullopt;
    if (!given) co_return no_password();
    answer.swap(*given);
  }
  answer.reserve(answer.size() + 1);  // growing would leave a copy behind
  auto root = std::make_unique<RootRun>(run, std::move(script), std::move(answer));
  auto ended = co_await run_to_end(std::move(root), access);
  co_return ended;
}

}  // namespace ec2mpi::ops
