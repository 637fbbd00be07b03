#include "ec2mpi/ops/node/remote_program.hpp"

#include <fmt/format.h>
#include <asio/this_coro.hpp>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"

namespace ec2mpi::ops {

namespace {

constexpr auto kFirstWord = std::chrono::seconds(15);
constexpr const char* kNotYet = "the login shell had not yet run what it was given";
constexpr std::size_t kMostSaid = 4096;
constexpr std::size_t kMostShownOfSaid = 200;
/// Two copies of a longer text would not fit into the one argument that Linux allows to be 128 KiB long.
constexpr std::size_t kMostTwice = 60'000;

/// Variables that change what tar, gzip, xz, sh, grep, ls, find, ps or perl do or print; TMOUT ends bash's
/// read.
constexpr std::string_view kToolVariables =
    "TAR_OPTIONS TAPE POSIXLY_CORRECT GZIP GZIP_OPT BZIP BZIP2 XZ_OPT XZ_DEFAULTS ZSTD_CLEVEL ZSTD_NBTHREADS "
    "CDPATH BASH_ENV ENV IFS TMOUT GLOBIGNORE EXECIGNORE GREP_OPTIONS GREP_COLOR GREP_COLORS LS_OPTIONS "
    "LS_COLORS QUOTING_STYLE TIME_STYLE TABSIZE BLOCK_SIZE BLOCKSIZE DF_BLOCK_SIZE DU_BLOCK_SIZE "
    "LS_BLOCK_SIZE "
    "COLUMNS PS_FORMAT PS_PERSONALITY CMD_ENV I_WANT_A_BROKEN_PS PERL5OPT PERL5DB PERLIO PERL_UNICODE";

/// `text` in single quotes, with octal numbers for printf %b in place of what some shell takes for something
/// else there: newlines and `!` (csh), backslashes (fish), quotes. A backslash before a digit is one for all.
std::string octal_word(std::string_view text) {
  std::string word = "'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '\'' || c == '\\' || c == '!')
      word += fmt::format("\\0{:03o}", byte);
    else
      word += c;
  }
  return word + "'";
}

constexpr std::string_view kRun = R"sh( -c 'eval "shift;$(command printf %b "$1")"' sh )sh";

std::string_view first_line(std::string_view text) {
  for (const auto line : split(text, '\n')) {
    if (!trim(line).empty()) return trim(line);
  }
  return {};
}

/// Behind a sentence: what the node printed, if anything.
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
  return {
      ErrorKind::remote_io,
      fmt::format("the login shell ended ({}) before it ran what it was given; is the account allowed to run "
                  "commands, and does a start-up file (.bashrc) exit?{}",
                  status.describe(), shown(said))};
}

Error late(std::string_view said) {
  return {
      ErrorKind::remote_io,
      fmt::format("the login shell did not run what it was given within {} s; does a start-up file (.bashrc) "
                  "ask, wait, or start another shell?{}",
                  kFirstWord.count(), shown(said))};
}

}  // namespace

std::string shell_line(std::string_view text) {
  return fmt::format("exec /bin/sh{}{}", kRun, octal_word(text));
}

std::string shell_line_in_user_environment(std::string_view text) {
  const auto word = octal_word(text);
  auto line = fmt::format("exec /bin/sh{}{}", kRun, word);
  if (word.size() > kMostTwice) return line;
  return fmt::format(
      "test \"$SHELL\" = /bin/bash || test \"$SHELL\" = /usr/bin/bash && exec \"$SHELL\" --norc{}{}; {}",
      kRun, word, line);
}

BeginMark::BeginMark() : first_("ec2mpi-" + random_hex(16)), second_(random_hex(16) + "-begins") {}

std::string BeginMark::print() const {
  const auto words = fmt::format("command printf %s%s {} {}", first_, second_);
  return fmt::format("{0} || exit; {0} >&2\n", words);
}

std::string clean_environment() {
  // bash as sh has made functions of what another bash exported; unset keeps them from its children as well.
  return fmt::format(
      "set +efuxC; case ${{BASH_VERSION-}} in\n"
      "?*) for f in $(compgen -A function); do command unset -f $f; done 2>/dev/null;; esac\n"
      "command unset {}\nexport LC_ALL=C\n",
      kToolVariables);
}

MarkCutter::Parts MarkCutter::feed(std::string_view bytes) {
  if (begun_) return {{}, std::string(bytes)};
  held_ += bytes;
  Parts parts;
  if (const auto at = held_.find(mark_); at != std::string::npos) {
    begun_ = true;
    parts = {held_.substr(0, at), held_.substr(at + mark_.size())};
    held_.clear();
    return parts;
  }
  auto kept = std::min(held_.size(), mark_.size() - 1);
  while (!held_.ends_with(std::string_view(mark_).substr(0, kept))) --kept;
  parts.before = held_.substr(0, held_.size() - kept);
  held_.erase(0, held_.size() - kept);
  return parts;
}

std::string MarkCutter::rest() {
  return std::exchange(held_, {});
}

ProgramChannel::ProgramChannel(const asio::any_io_executor& executor, std::unique_ptr<ssh::Channel> channel,
                               const BeginMark& mark, Greeting greeting)
    : changed_(executor),
      channel_(std::move(channel)),
      out_(mark.text()),
      err_(mark.text()),
      greeting_(greeting),
      first_word_by_(Clock::now() + kFirstWord) {}

asio::awaitable<Result<std::optional<ssh::Chunk>>> ProgramChannel::receive(Limit limit) {
  while (reading_) {  // a writer waits for the begin, and reads meanwhile
    const Wake wake = co_await changed_.wait(limit);
    if (wake != Wake::notified) co_return wake_error(wake, why_silent());
  }
  for (;;) {
    if (const auto chunk = next_kept()) co_return chunk;
    if (failed_) co_return std::unexpected(*failed_);
    if (ended_) co_return std::nullopt;
    if (begun_) {
      auto chunk = co_await channel_->read(limit);
      if (!chunk || (*chunk && cutter((*chunk)->stream).begun())) co_return chunk;
      *chunk ? take(**chunk) : take_end();
    } else if (auto read = co_await read_greeting(limit); !read && !failed_) {
      co_return std::unexpected(read.error());
    }
  }
}

/// Takes the next bytes in while the program has not begun. Fills in `failed_` when it will not begin any
/// more.
asio::awaitable<Result<void>> ProgramChannel::read_greeting(Limit limit) {
  const bool patient = first_word_by_ < limit.deadline;
  const Limit patience{patient ? first_word_by_ : limit.deadline, limit.stop};
  reading_ = true;
  auto chunk = co_await channel_->read(patience);
  reading_ = false;
  Result<void> read;
  if (!chunk) {
    const bool timed_out = chunk.error().kind == ErrorKind::timeout;
    if (timed_out && patient) failed_ = late(said_);
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
  auto parts = cutter(chunk.stream).feed(chunk.bytes);
  keep(chunk.stream, std::move(parts.before), std::move(parts.behind));
  begun_ = out_.begun() || err_.begun();
  if (!begun_) failed_ = wrong_user(said_);
}

void ProgramChannel::take_end() {
  keep(ssh::Stream::out, out_.rest(), {});
  keep(ssh::Stream::err, err_.rest(), {});
  ended_ = true;
  if (begun_) return;
  const auto status = channel_->exit_status();
  failed_ = status ? ended_unbegun(*status, said_) : status.error();
}

void ProgramChannel::keep(ssh::Stream stream, std::string before, std::string behind) {
  if (said_.size() < kMostSaid) {
    said_ += before;
    if (stream == ssh::Stream::out) greeted_ += before;
  }
  auto& kept = stream == ssh::Stream::out ? kept_out_ : kept_err_;
  if (greeting_ == Greeting::shown) kept += before;
  kept += behind;
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
  return channel_->exit_status();
}

std::string ProgramChannel::why_silent() const {
  return begun_ ? std::string() : kNotYet + shown(said_);
}

/// Waits until the program has begun; reads, if nobody else does.
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
  auto text = environment == Environment::clean ? clean_environment() : std::string();
  text.append(kGoHome).append(mark.print()).append(request.command);
  request.command = shell_line(text);
  request.ends_with_program = true;
  auto channel = co_await start_line(session, std::move(request), mark, Greeting::dropped, limit);
  co_return channel;
}

}  // namespace ec2mpi::ops
