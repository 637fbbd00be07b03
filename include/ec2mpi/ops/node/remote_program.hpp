#pragma once
/// The one way to start a program on a node. The account does not change it: every login shell reads the line
/// alike, variables and functions that change tools are cleared, and marks in the output show where the
/// program begins and ends, so that nothing that start-up files print, read or run is taken for the program.

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::ops {

/// A line that sh, dash, bash, ksh, zsh, csh, tcsh and fish (also before 3.0, which has neither && nor ||)
/// read alike: /bin/sh takes the login shell's place and runs `text`, any bytes but NUL.
[[nodiscard]] std::string shell_line(std::string_view text);

/// The same, but where the login shell is bash another bash runs `text`, and gets the functions and variables
/// that start-up files have defined, exported or not. take_back_text() is for the bash that `text` starts at
/// last.
[[nodiscard]] std::string shell_line_in_user_environment(std::string_view text);

/// One line of text for bash: functions and variables that were only exported on the way are unexported
/// again.
[[nodiscard]] std::string take_back_text();

/// The environment of a program: ours, or the user's, for a program that starts programs of the user. Both
/// begin in the home.
enum class Environment { clean, of_the_user };

/// In front of the begin mark on standard error.
inline constexpr char kErrSign = '\x1f';

/// What a program prints on both streams when it begins, behind kErrSign on standard error. The shell text of
/// it does not contain it, so that a shell that repeats its command does not pass for a program.
class BeginMark {
 public:
  BeginMark();
  [[nodiscard]] std::string text() const { return first_ + second_; }
  /// Shell text that prints it. It ends the shell if nobody reads any more: a program must not begin later,
  /// when its reader has given up.
  [[nodiscard]] std::string print() const;
  /// The same, with the node's part of an end mark behind it.
  [[nodiscard]] std::string print_with_end_word() const;

 private:
  std::string first_;
  std::string second_;
};

/// What a program prints on both streams behind its last byte, with its status: so its end does not depend on
/// processes that hold the streams open. A program that prints binary answers, and reads on, has to print a
/// byte other than the mark's first one behind each answer.
/// Other users of the node can read its command lines, and a program of ours may print names that they have
/// chosen. So a part of the mark is a random word that the node chooses and prints behind the begin mark; it
/// stands on no command line.
class EndMark {
 public:
  EndMark();
  [[nodiscard]] std::string text(std::string_view word) const;
  /// Shell text that chooses the word; stands in front of the begin mark.
  [[nodiscard]] static std::string_view choose_word();
  /// Shell text that runs `program` and prints the mark.
  [[nodiscard]] std::string print_behind(std::string_view program) const;

 private:
  std::string first_;
  std::string second_;
};

/// Shell text, to stand in front of a program of ours: clears variables and functions that change tools; the
/// language is C. own_tools_text() is a part of it.
[[nodiscard]] std::string_view clean_environment();
/// Shell text: tools are the machine's first (src/ops/node/own_tools.sh); ec2mpi_path is the user's own PATH.
[[nodiscard]] std::string_view own_tools_text();
/// Shell text: relative paths begin in the home, whatever folder start-up files have entered.
[[nodiscard]] std::string_view go_home_text();
/// Shell text behind go_home_text(): ends the program if there is no home. `otherwise` says what to do.
[[nodiscard]] std::string need_home_text(std::string_view otherwise);
/// The same for a program that works with `paths`, as remote_path gives them: only if one is in the home.
[[nodiscard]] std::string need_home_for(const std::vector<std::string>& paths);
/// Shell text, to stand in front of the begin mark of a program of ours: ends the shell if a limit leaves it
/// too few descriptors or only tiny files.
[[nodiscard]] std::string_view check_limits_text();
/// Shell text, to stand in front of the begin mark of a program that reads its input: ends the shell if a
/// start-up file has closed or redirected the input.
[[nodiscard]] std::string_view check_input_text();
/// Shell text: tools are found in /usr/bin and /bin, even if these folders are not in the PATH.
[[nodiscard]] std::string_view find_tools_text();
/// Shell text: the function `need TOOL...`, which ends a program by its own `die` if the node lacks a tool.
[[nodiscard]] std::string_view need_tools_text();
/// Shell text: the function `find_swift`, which sets $swift to options of ssh (src/ops/node/find_swift.sh).
[[nodiscard]] std::string_view find_swift_text();

/// Splits the bytes of one stream at the begin mark. A start-up file may have joined the streams (exec 2>&1):
/// then one has both marks, and both are cut off. With a word, that of the end mark stands behind each mark.
class MarkCutter {
 public:
  enum class Word { none, behind_mark };

  explicit MarkCutter(std::string mark, Word word = Word::none)
      : mark_(std::move(mark)), has_word_(word == Word::behind_mark) {}

  struct Parts {
    std::string before;
    std::string behind;
  };
  /// The bytes that are known to stand before the mark, and those behind it.
  [[nodiscard]] Parts feed(std::string_view bytes);
  /// At the end of the stream: bytes that were kept because they could have been the beginning of a mark.
  [[nodiscard]] Parts rest();
  [[nodiscard]] bool begun() const { return phase_ != Phase::before; }
  /// No byte is held back any more.
  [[nodiscard]] bool is_behind_marks() const {
    return phase_ == Phase::behind || phase_ == Phase::behind_both;
  }
  [[nodiscard]] bool holds_both() const { return phase_ == Phase::behind_both; }
  /// Nothing before it has been read.
  [[nodiscard]] const std::optional<std::string>& word() const { return word_; }

 private:
  enum class Phase { before, at_word, at_second, behind, behind_both };

  [[nodiscard]] std::string cut_before();
  void cut_word();

  std::string mark_;
  bool has_word_;
  std::optional<std::string> word_;
  std::string held_;
  Phase phase_ = Phase::before;
};

/// Cuts a stream at the end mark.
class EndCutter {
 public:
  explicit EndCutter(std::string mark) : mark_(std::move(mark)) {}

  /// The bytes in front of the mark; valid until the next call, and as long as `bytes`.
  [[nodiscard]] std::string_view feed(std::string_view bytes);
  /// At the end of the stream: bytes that were kept because they could have been the beginning of the mark.
  [[nodiscard]] std::string rest();
  /// The status that stands behind the mark; nothing before the whole mark has been read.
  [[nodiscard]] std::optional<int> status() const { return status_; }

 private:
  void read_status(std::string_view bytes);

  std::string mark_;
  std::string held_;   ///< the mark, perhaps
  std::string given_;  ///< what feed() returned, if it is not a part of its argument
  std::string digits_;
  bool found_ = false;
  std::optional<int> status_;
};

/// Where the text goes that start-up files print.
enum class Greeting { dropped, shown };

/// A channel to a program that prints a begin mark. Nothing is written to it before the mark has been read.
/// If the mark does not arrive within 15 seconds, or before the end, reading and writing return an error that
/// shows the node's output.
class ProgramChannel : public ssh::Channel {
 public:
  ProgramChannel(const asio::any_io_executor& executor, std::unique_ptr<ssh::Channel> channel,
                 const BeginMark& mark, Greeting greeting, const std::optional<EndMark>& end = {});

  [[nodiscard]] bool begun() const { return begun_; }
  /// A start-up file has joined the streams (exec 2>&1): all that the program prints comes by standard
  /// output. Known once bytes of the program have been read.
  [[nodiscard]] bool is_joined() const { return out_.holds_both(); }
  /// Why the program is silent, for a wait that has ended too early. Empty once the program has begun.
  [[nodiscard]] std::string why_silent() const;
  /// What start-up files printed on standard output, at least its first part.
  [[nodiscard]] const std::string& greeting() const { return greeted_; }

  Result<ssh::ExitStatus> exit_status() const override;
  void close_input() override { channel_->close_input(); }
  void signal(const std::string& name) override { channel_->signal(name); }
  void resize(int columns, int rows) override { channel_->resize(columns, rows); }

 private:
  asio::awaitable<Result<std::optional<ssh::Chunk>>> receive(Limit limit) override;
  asio::awaitable<Result<void>> send(std::string_view bytes, Limit limit) override;
  [[nodiscard]] MarkCutter& cutter(ssh::Stream stream) { return stream == ssh::Stream::out ? out_ : err_; }
  [[nodiscard]] std::optional<EndCutter>& end_of(ssh::Stream stream) {
    return stream == ssh::Stream::out ? out_end_ : err_end_;
  }
  [[nodiscard]] std::string_view before_end(ssh::Stream stream, std::string_view bytes);
  [[nodiscard]] std::optional<int> marked_status() const;
  asio::awaitable<Result<void>> begin(Limit limit);
  asio::awaitable<Result<void>> read_greeting(Limit limit);
  void take(const ssh::Chunk& chunk);
  void take_end();
  void keep(ssh::Stream stream, std::string before, std::string behind);
  [[nodiscard]] std::string without_echo(std::string text);
  [[nodiscard]] std::optional<ssh::Chunk> next_kept();

  Event changed_;  ///< notified whenever something was read before the begin
  std::unique_ptr<ssh::Channel> channel_;
  MarkCutter out_;
  MarkCutter err_;
  std::optional<EndMark> end_;
  std::optional<EndCutter> out_end_;
  std::optional<EndCutter> err_end_;
  Greeting greeting_;
  Clock::time_point first_word_by_;
  bool begun_ = false;
  bool reading_ = false;
  bool ended_ = false;
  std::string said_;      ///< before the begin, of both streams
  std::string echo_;      ///< our own line and what stands behind it, as a shell under set -x repeats it
  std::string greeted_;   ///< the part of it from standard output
  std::string kept_out_;  ///< read, but not given to the reader yet
  std::string kept_err_;
  std::string given_;            ///< what the reader's chunk points to
  std::optional<Error> failed_;  ///< it will not begin
};

/// Starts a program that is already a line which prints the mark.
[[nodiscard]] asio::awaitable<Result<std::unique_ptr<ProgramChannel>>> start_line(
    ssh::Session& session, ssh::Request request, BeginMark mark, Greeting greeting, Limit limit);

/// Starts `request.command`, text for POSIX sh, as a program of ours. It has ended when its end mark has been
/// read, whatever process still holds its output open.
[[nodiscard]] asio::awaitable<Result<std::unique_ptr<ProgramChannel>>> start_program(
    ssh::Session& session, ssh::Request request, Limit limit, Environment environment = Environment::clean);

}  // namespace ec2mpi::ops
