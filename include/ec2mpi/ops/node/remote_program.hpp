#pragma once
/// The one way to start a program on a node. What a node's account brings along does not change it: any login
/// shell reads the line alike, variables and functions that change tools are gone, and the program says when
/// it has begun, so that nothing that start-up files print, read or run is taken for it.

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::ops {

/// A line that sh, dash, bash, ksh, zsh, csh, tcsh and fish read alike: /bin/sh takes the login shell's place
/// and runs `text`, any bytes but NUL.
[[nodiscard]] std::string shell_line(std::string_view text);

/// The same, but where the login shell is bash another bash reads `text`. dash drops exported functions, and
/// those belong to the user's environment.
[[nodiscard]] std::string shell_line_in_user_environment(std::string_view text);

/// What a program prints on both streams when it begins. The shell text of it does not contain it, so that a
/// shell that repeats its command does not pass for a program.
class BeginMark {
 public:
  BeginMark();
  [[nodiscard]] std::string text() const { return first_ + second_; }
  /// Shell text that prints it. It ends the shell if nobody reads any more: a program that was given up must
  /// not begin later.
  [[nodiscard]] std::string print() const;

 private:
  std::string first_;
  std::string second_;
};

/// Shell text, to stand in front of a program of ours: clears what changes tools; the language is C.
[[nodiscard]] std::string clean_environment();
/// Shell text: the home becomes the folder that paths begin in, wherever start-up files have gone.
inline constexpr std::string_view kGoHome = "cd -- \"$HOME\" 2>/dev/null\n";

/// Splits what comes by one stream at the begin mark.
class MarkCutter {
 public:
  explicit MarkCutter(std::string mark) : mark_(std::move(mark)) {}

  struct Parts {
    std::string before;
    std::string behind;
  };
  /// What is known to stand before the mark, and behind it.
  [[nodiscard]] Parts feed(std::string_view bytes);
  /// At the end: what was held back because it could have been the mark's beginning.
  [[nodiscard]] std::string rest();
  [[nodiscard]] bool begun() const { return begun_; }

 private:
  std::string mark_;
  std::string held_;
  bool begun_ = false;
};

/// What becomes of the text that start-up files print.
enum class Greeting { dropped, shown };

/// A channel whose program has said that it begins. Before that nothing is written to it. If it does not
/// begin within 15 seconds, or ends without, reading and writing give an error that shows what the node
/// printed.
class ProgramChannel : public ssh::Channel {
 public:
  ProgramChannel(const asio::any_io_executor& executor, std::unique_ptr<ssh::Channel> channel,
                 const BeginMark& mark, Greeting greeting);

  [[nodiscard]] bool begun() const { return begun_; }
  /// For a wait that has ended too early: why nothing came. Empty once the program has begun.
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
  asio::awaitable<Result<void>> begin(Limit limit);
  asio::awaitable<Result<void>> read_greeting(Limit limit);
  void take(const ssh::Chunk& chunk);
  void take_end();
  void keep(ssh::Stream stream, std::string before, std::string behind);
  [[nodiscard]] std::optional<ssh::Chunk> next_kept();

  Event changed_;  ///< notified whenever something was read before the begin
  std::unique_ptr<ssh::Channel> channel_;
  MarkCutter out_;
  MarkCutter err_;
  Greeting greeting_;
  Clock::time_point first_word_by_;
  bool begun_ = false;
  bool reading_ = false;
  bool ended_ = false;
  std::string said_;      ///< before the begin, of both streams
  std::string greeted_;   ///< the part of it from standard output
  std::string kept_out_;  ///< read, but not given to the reader yet
  std::string kept_err_;
  std::string given_;            ///< what the reader's chunk points to
  std::optional<Error> failed_;  ///< it will not begin
};

/// Starts a program that is already a line which prints the mark.
[[nodiscard]] asio::awaitable<Result<std::unique_ptr<ProgramChannel>>> start_line(
    ssh::Session& session, ssh::Request request, BeginMark mark, Greeting greeting, Limit limit);

/// Starts `request.command`, text for POSIX sh, as a program of ours. It has ended when its shell has,
/// whatever still holds its output open.
[[nodiscard]] asio::awaitable<Result<std::unique_ptr<ProgramChannel>>> start_program(
    ssh::Session& session, ssh::Request request, Limit limit, Environment environment = Environment::clean);

}  // namespace ec2mpi::ops
