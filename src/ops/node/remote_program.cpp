#include "ec2mpi/ops/node/remote_program.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <asio/this_coro.hpp>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "src/ops/node/programs.hpp"

namespace ec2mpi::ops {

namespace {

constexpr auto kFirstWord = std::chrono::seconds(15);
/// While our line is on its way.
constexpr auto kBetweenLooks = std::chrono::seconds(1);
/// The mark on standard output is printed first; a server sends what it reads from both at the same time.
constexpr auto kOtherStream = std::chrono::seconds(5);
constexpr const char* kElsewhere =
    "its output does not arrive here; does a start-up file (.bashrc) redirect it (exec >FILE)?";
constexpr std::string_view kOfChecks[] = {
    "/dev/null takes nothing there; ",
    "the shell there cannot redirect: ", "too few files may be open there ",
    "no file may be written (ulimit ", "only tiny files may be written (ulimit "};
constexpr int kNoLogin = 254;  ///< of sshd where /etc/nologin keeps a user out
constexpr const char* kNotYet = "the login shell had not yet run what it was given";
// Of a greeting; messages show its first line.
constexpr std::size_t kMostSaid = 4096;
constexpr std::size_t kMostShownOfSaid = 200;

/// Of clean_environment.sh, the part for programs that keep the user's environment: with a umask that takes a
/// file's rights from its own owner, neither our files nor a job's could be read.
constexpr std::string_view kReadableFiles = "umask u=rwx\n";

std::string octal(char c) {
  return fmt::format("\\0{:03o}", static_cast<unsigned char>(c));
}

/// `text` in single quotes, with octal numbers for printf %b in place of characters that some shell reads
/// differently there: newlines and `!` (csh), backslashes (fish), quotes. All shells leave a backslash before
/// a digit alone.
std::string octal_word(std::string_view text) {
  std::string word = "'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '\'' || c == '\\' || c == '!')
      word += octal(c);
    else
      word += c;
  }
  return word + "'";
}

/// `text` with octal numbers for all characters that any shell may find special, whether quoted or not.
std::string octal_text(std::string_view text) {
  std::string word;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '.' || c == '/' || c == '-';
    plain ? word += c : word += octal(c);
  }
  return word;
}

// sh gets the octal word as $1, takes it off its arguments, and evaluates the output of printf. bash as sh
// imports functions that a user has exported, but finds eval, shift and unset before them.
constexpr std::string_view kRun =
    R"sh('unset -f command printf;eval "shift;$(command printf %b "$1")"' sh )sh";

// Behind exec: for a shell in which exec is something else. In words that no shell finds special.
constexpr std::string_view kNoExec =
    " ; echo exec did not start /bin/sh, is it a function or an alias of a start-up file, or is "
    "this shell restricted";

constexpr std::string_view kShellLine = "exec /bin/sh -c ";
constexpr std::string_view kEchoedWords =
    "/bin/sh -c unset -f command printf;";  ///< of it, as echo prints them
constexpr std::string_view kCut = "[the command of ec2mpi]";
constexpr std::string_view kTraceOfLine = ": '\\'\n";  ///< of its first command, under set -x, behind any PS4
constexpr std::string_view kBashLine = ": '\\' ; /usr/bin/test x{1..1} = x1 && trap - DEBUG && ";

/// A shell that does not understand our line repeats it: only the words in front of it are of use. `before`
/// is what arrived earlier; it may end within our line.
std::string without_our_line(std::string_view before, std::string text) {
  if (before.ends_with(kCut)) text.erase(0, text.find('\n'));
  const auto at = std::min({text.find(kShellLine), text.find(kBashLine), text.find(kEchoedWords)});
  if (at == std::string::npos) return text;
  text.replace(at, std::min(text.find('\n', at), text.size()) - at, kCut);
  return text;
}

std::string_view first_line(std::string_view text) {
  for (const auto line : split(text, '\n')) {
    if (!trim(line).empty()) return trim(line);
  }
  return {};
}

/// The end of a sentence: the text that the node printed, if any.
std::string shown(std::string_view said) {
  const auto line = first_line(said);
  if (line.empty()) return {};
  return fmt::format("; it printed: {}", printable(line.substr(0, kMostShownOfSaid)));
}

/// EC2's images answer so to a key that belongs to another user.
std::string_view other_user(std::string_view said) {
  constexpr std::string_view kAsked = "Please login as the user \"";
  const auto at = said.find(kAsked);
  if (at == std::string_view::npos) return {};
  const auto name = said.substr(at + kAsked.size());
  const auto end = name.find('"');
  return end == std::string_view::npos ? std::string_view{} : name.substr(0, end);
}

std::optional<Error> wrong_user(std::string_view said) {
  const auto user = other_user(said);
  if (user.empty()) return std::nullopt;
  return Error{ErrorKind::auth, fmt::format("this user may run no commands here; try -l {}{}",
                                            printable(quote_word(user)), shown(said))};
}

Error ended_unbegun(const ssh::ExitStatus& status, std::string_view said) {
  // check_output.sh or check_limits.sh has said all. A shell that repeats our program does not say so at the
  // beginning of a line.
  for (const auto line : split(said, '\n'))
    for (const auto text : kOfChecks)
      if (line.starts_with(text))
        return {ErrorKind::remote_io, printable(trim(line).substr(0, kMostShownOfSaid))};
  if (status.code == kNoLogin)
    return {
        ErrorKind::remote_io,
        fmt::format("the login ended ({}) before anything ran; is there an /etc/nologin? As long as it is "
                    "there, sshd lets only root in{}",
                    status.describe(), shown(said))};
  return {
      ErrorKind::remote_io,
      fmt::format("the login shell ended ({}) and did not report that it ran what it was given; may the "
                  "account run commands, and does a start-up file (.bashrc, ~/.ssh/rc) exit, start another "
                  "shell or redirect its output?{}",
                  status.describe(), shown(said))};
}

Error late(std::string_view said) {
  return {ErrorKind::remote_io,
          fmt::format("the login shell did not run what it was given within {} s; does a start-up file "
                      "(.bashrc, ~/.ssh/rc, /etc/ssh/sshrc) ask, wait, or start another shell?{}",
                      kFirstWord.count(), shown(said))};
}

}  // namespace

std::string shell_line(std::string_view text) {
  return fmt::format("{}{}{}{}", kShellLine, kRun, octal_word(text), kNoExec);
}

/// Takes exec's place in a login shell that is bash: it gives our text, the fifth word behind exec, to
/// another bash. In posix mode no function could. Another bash, for /bin/sh may be a shell that drops
/// functions from its environment. A user's own function exec stays, and is named by kNoExec.
constexpr std::string_view kExecBash =
    "[[ $(builtin declare -F exec) ]] || { builtin set +o posix; "
    "exec() { builtin exec \"$BASH\" --norc -c \"$(builtin enable printf; builtin printf %b \"$5\")\"; }; }";

/// The part between '\' and '\''' is only for shells in which a backslash in single quotes means itself. For
/// fish it is one word in quotes: before 3.0 it has neither && nor ||. Only bash, zsh and ksh expand the
/// braces. csh reads the text behind them, but does not run it, and would complain about any special
/// character. A DEBUG trap would print into the text that eval reads. zsh and ksh find nothing else to do.
/// SHELL does not count: a start-up file may have set it to another shell. test and printf are programs,
/// because a user may have functions of these names, and one named command. Where eval is a function, the
/// part behind it still starts the text.
std::string shell_line_in_user_environment(std::string_view text) {
  const auto for_bash = fmt::format("case ${{BASH_VERSION:+$BASH}} in *bash) eval {} ;; esac",
                                    quote_word(std::string(kHandOverSh).append(kExecBash)));
  return fmt::format(R"sh({}eval "`/usr/bin/printf %b "{}"`" ; : '\''' ; {})sh", kBashLine,
                     octal_text(for_bash), shell_line(text));
}

std::string take_back_text() {
  std::string text;
  for (const auto line : split(trim(kTakeBackSh), '\n')) text.append(line).append("; ");
  return text;
}

std::string_view clean_environment() {
  static const std::string text = std::string(kCleanEnvironmentSh).append(kOwnToolsSh);
  return text;
}

std::string_view own_tools_text() {
  return kOwnToolsSh;
}

std::string_view go_home_text() {
  return kGoHomeSh;
}

std::string need_home_text(std::string_view otherwise) {
  return fmt::format("{}need_home {}\n", kNeedHomeSh, quote_word(otherwise));
}

std::string need_home_for(const std::vector<std::string>& paths) {
  const bool needed = std::ranges::any_of(paths, [](const auto& path) { return !path.starts_with('/'); });
  return needed ? need_home_text("give a path that begins with /") : std::string();
}

std::string_view check_limits_text() {
  return kCheckLimitsSh;
}

std::string_view check_input_text() {
  return kCheckInputSh;
}

std::string_view find_tools_text() {
  return kFindToolsSh;
}

std::string_view need_tools_text() {
  return kNeedToolsSh;
}

std::string_view find_swift_text() {
  return kFindSwiftSh;
}
ProgramChannel::ProgramChannel(const asio::any_io_executor& executor, std::unique_ptr<ssh::Channel> channel,
                               const BeginMark& mark, Greeting greeting, const std::optional<EndMark>& end)
    : changed_(executor),
      channel_(std::move(channel)),
      out_(mark.text(), end ? MarkCutter::Word::behind_mark : MarkCutter::Word::none),
      err_(mark.text(), end ? MarkCutter::Word::behind_mark : MarkCutter::Word::none),
      end_(end),
      greeting_(greeting),
      first_word_by_(Clock::now() + kFirstWord) {}

std::string_view ProgramChannel::before_end(ssh::Stream stream, std::string_view bytes) {
  auto& end = end_of(stream);
  return end ? end->feed(bytes) : bytes;
}

/// Both streams have to reach the mark, because one may be behind the other; a joined stream has both marks.
std::optional<int> ProgramChannel::marked_status() const {
  const bool err_ended = out_.holds_both() || (err_end_ && err_end_->status());
  return out_end_ && err_ended ? out_end_->status() : std::nullopt;
}

asio::awaitable<Result<std::optional<ssh::Chunk>>> ProgramChannel::receive(Limit limit) {
  while (reading_) {  // a writer that waits for the begin is reading
    const Wake wake = co_await changed_.wait(limit);
    if (wake != Wake::notified) co_return wake_error(wake, why_silent());
  }
  for (;;) {
    // Bytes that were read earlier come first, but no part of an answer whose other stream does not arrive.
    if (begun_ || greeting_ == Greeting::shown)
      if (const auto chunk = next_kept()) co_return chunk;
    if (failed_) co_return std::unexpected(*failed_);
    if (ended_ || marked_status()) co_return std::nullopt;
    if (begun_) {
      auto chunk = co_await channel_->read(limit);
      if (!chunk) co_return chunk;
      if (*chunk && cutter((*chunk)->stream).is_behind_marks()) {
        (*chunk)->bytes = before_end((*chunk)->stream, (*chunk)->bytes);
        if (!(*chunk)->bytes.empty()) co_return chunk;
      } else {
        *chunk ? take(**chunk) : take_end();
      }
    } else if (auto read = co_await read_greeting(limit); !read && !failed_) {
      co_return std::unexpected(read.error());
    }
  }
}

/// Takes in the next bytes while the program has not begun. Sets `failed_` when it will not begin.
asio::awaitable<Result<void>> ProgramChannel::read_greeting(Limit limit) {
  // The time counts from the arrival of our line: a slow uplink may carry it behind bytes for other nodes. A
  // link that stands still ends by itself.
  const bool sending = !err_.begun() && channel_->is_sending();
  if (sending) first_word_by_ = Clock::now() + kFirstWord;
  const auto until = sending ? Clock::now() + kBetweenLooks : first_word_by_;
  // Which limit ends the wait decides which error the user sees.
  const bool patient = until < limit.deadline;
  const Limit patience{patient ? until : limit.deadline, limit.stop};
  reading_ = true;
  auto chunk = co_await channel_->read(patience);
  reading_ = false;
  Result<void> read;
  if (!chunk) {
    const bool timed_out = chunk.error().kind == ErrorKind::timeout;
    const bool look_again = timed_out && patient && sending;
    if (timed_out && patient && !sending)
      failed_ = err_.begun() ? Error{ErrorKind::remote_io, kElsewhere} : late(said_);
    if (!look_again)
      read = timed_out ? fail(ErrorKind::timeout, why_silent()) : std::unexpected(chunk.error());
  } else if (*chunk) {
    take(**chunk);
  } else {
    take_end();
  }
  changed_.notify_all();
  co_return read;
}

void ProgramChannel::take(const ssh::Chunk& chunk) {
  auto& marks = cutter(chunk.stream);
  auto parts = marks.feed(chunk.bytes);
  if (end_ && marks.word() && !end_of(chunk.stream)) end_of(chunk.stream).emplace(end_->text(*marks.word()));
  keep(chunk.stream, std::move(parts.before), std::move(parts.behind));
  // Without the mark on standard output, all that the program prints would be lost.
  begun_ = out_.begun() || err_.holds_both();
  if (!begun_ && err_.begun()) first_word_by_ = std::min(first_word_by_, Clock::now() + kOtherStream);
  if (!begun_) failed_ = wrong_user(said_);
  if (err_.holds_both() && greeting_ == Greeting::dropped)
    failed_ = Error{ErrorKind::remote_io,
                    "its answers come by standard error; does a start-up file (.bashrc) "
                    "redirect the output (exec >&2)?"};
}

void ProgramChannel::take_end() {
  ended_ = true;
  for (const auto stream : {ssh::Stream::out, ssh::Stream::err}) {
    auto rest = cutter(stream).rest();
    auto& end = end_of(stream);
    keep(stream, std::move(rest.before), std::move(rest.behind) + (end ? end->rest() : std::string()));
  }
  if (begun_) return;
  const auto status = channel_->exit_status();
  if (status && err_.begun())
    failed_ = Error{ErrorKind::remote_io, kElsewhere};
  else
    failed_ = status ? ended_unbegun(*status, said_) : status.error();
}

/// Under `set -x` or `set -v` in a start-up file, bash and zsh repeat our line, and our program in front of
/// the mark, on standard error. That is held back until the program has begun, and then dropped; a shell that
/// does not understand our line has its say behind it.
std::string ProgramChannel::without_echo(std::string text) {
  if (echo_.empty()) {
    const auto at = std::min({text.find(kTraceOfLine), text.find(kBashLine), text.find(kShellLine)});
    if (at == std::string::npos) return text;
    const auto line = text.rfind('\n', at) + 1;  // npos + 1 is the beginning
    echo_ = std::exchange(text, text.substr(0, line)).substr(line);
  } else {
    if (echo_.size() < kMostSaid) echo_ += text;
    text.clear();
  }
  return text;
}

void ProgramChannel::keep(ssh::Stream stream, std::string before, std::string behind) {
  if (stream == ssh::Stream::err) before = without_echo(std::move(before));
  if (ended_ && !begun_ && stream == ssh::Stream::err) before += std::exchange(echo_, {});
  before = without_our_line(stream == ssh::Stream::out ? greeted_ : said_, std::move(before));
  if (said_.size() < kMostSaid) {
    said_ += before;
    if (stream == ssh::Stream::out) greeted_ += before;
  }
  auto& kept = stream == ssh::Stream::out ? kept_out_ : kept_err_;
  if (greeting_ == Greeting::shown) kept += before;
  kept += ended_ ? std::string_view(behind) : before_end(stream, behind);
}

std::optional<ssh::Chunk> ProgramChannel::next_kept() {
  const auto stream = kept_out_.empty() ? ssh::Stream::err : ssh::Stream::out;
  auto& kept = stream == ssh::Stream::out ? kept_out_ : kept_err_;
  if (kept.empty()) return std::nullopt;
  given_ = std::exchange(kept, {});
  return ssh::Chunk{stream, given_};
}

Result<ssh::ExitStatus> ProgramChannel::exit_status() const {
  if (failed_) return std::unexpected(*failed_);
  if (const auto status = marked_status()) return ssh::ExitStatus{.code = *status};
  auto status = channel_->exit_status();
  // The shell ends well only behind its marks, so a part of the answer is missing. A node without /proc has
  // no word, and its shell's status has to do.
  const bool answered = out_end_ && out_end_->status();
  if (!answered && out_.word() && !out_.word()->empty() && status && status->ok())
    return fail(ErrorKind::remote_io, "the end of the node's answer did not arrive");
  return status;
}

std::string ProgramChannel::why_silent() const {
  return begun_ ? std::string() : kNotYet + shown(said_);
}

/// Waits until the program has begun; reads, if no other coroutine does.
asio::awaitable<Result<void>> ProgramChannel::begin(Limit limit) {
  while (!begun_ && !failed_) {
    if (reading_) {
      const Wake wake = co_await changed_.wait(limit);
      if (wake != Wake::notified) co_return wake_error(wake, why_silent());
    } else if (auto read = co_await read_greeting(limit); !read && !failed_) {
      co_return read;
    }
  }
  if (failed_) co_return std::unexpected(*failed_);
  co_return Result<void>{};
}

asio::awaitable<Result<void>> ProgramChannel::send(std::string_view bytes, Limit limit) {
  if (bytes.empty()) co_return Result<void>{};
  auto begun = co_await begin(limit);
  if (!begun) co_return begun;
  auto written = co_await channel_->write(bytes, limit);
  co_return written;
}

asio::awaitable<Result<std::unique_ptr<ProgramChannel>>> start_line(ssh::Session& session,
                                                                    ssh::Request request, BeginMark mark,
                                                                    Greeting greeting, Limit limit) {
  CO_TRY_AS(channel, co_await session.start(std::move(request), limit));
  const auto executor = co_await asio::this_coro::executor;
  co_return std::make_unique<ProgramChannel>(executor, std::move(*channel), mark, greeting);
}

asio::awaitable<Result<std::unique_ptr<ProgramChannel>>> start_program(ssh::Session& session,
                                                                       ssh::Request request, Limit limit,
                                                                       Environment environment) {
  const BeginMark mark;
  const EndMark end;
  std::string text(environment == Environment::clean ? clean_environment() : kReadableFiles);
  if (!request.pty) text.append(kCheckLimitsSh).append(kCheckOutputSh).append(kCheckInputSh);
  text.append(kGoHomeSh).append(kFindToolsSh).append(EndMark::choose_word());
  text.append(mark.print_with_end_word()).append(end.print_behind(request.command));
  request.command = shell_line(text);
  request.ends_with_program = true;  // without end mark, if its shell is killed
  CO_TRY_AS(channel, co_await session.start(std::move(request), limit));
  const auto executor = co_await asio::this_coro::executor;
  co_return std::make_unique<ProgramChannel>(executor, std::move(*channel), mark, Greeting::dropped, end);
}

}  // namespace ec2mpi::ops
