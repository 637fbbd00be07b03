#pragma once
/// The event loop of one command, its signals and its console.

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <functional>
#include <stop_token>
#include <string>

#include "ec2mpi/cli/session/options.hpp"
#include "ec2mpi/cli/terminal/console.hpp"

namespace ec2mpi::cli {

class Runtime {
 public:
  explicit Runtime(const CommonOptions& options);

  [[nodiscard]] asio::any_io_executor executor() { return loop_.get_executor(); }
  [[nodiscard]] Console& console() { return console_; }
  [[nodiscard]] const CommonOptions& options() const { return options_; }
  /// Requested by the first Ctrl-C, SIGTERM or SIGHUP, and when standard output can't be written.
  [[nodiscard]] std::stop_token stop() const { return stop_.get_token(); }
  /// For a command that follows a job. The job continues without the command. From now on Ctrl-\ and SIGHUP
  /// request this token and not `stop`; once `job_exists` holds, SIGTERM and a failed write to standard
  /// output do too.
  [[nodiscard]] std::stop_token detach(std::function<bool()> job_exists);
  /// For the time after the job: signals mean `stop` again, and a failed write changes the exit code only.
  void end_detach() { phase_ = Phase::afterwards; }

  /// Called first at each Ctrl-C; true means that nothing else is to be done about it. Otherwise, and if it
  /// is empty, Ctrl-C requests `stop`.
  void set_on_interrupt(std::function<bool()> on_interrupt) { on_interrupt_ = std::move(on_interrupt); }

  /// Printed when a second Ctrl-C ends the program at once: which work may continue, and where.
  void set_parting_words(std::function<std::string()> words) { parting_words_ = std::move(words); }

  /// Called when all work is done and reported, right before `run` returns.
  void set_last_act(std::function<void()> act) { last_act_ = std::move(act); }
  /// From now on signals have no effect on the command.
  void end_signals();
  [[nodiscard]] asio::io_context& loop() { return loop_; }

  /// Runs the command to its end and gives its exit code.
  int run(asio::awaitable<int> command);

 private:
  enum class Phase {
    command,     ///< ends its programs on the nodes when a signal asks it to end
    job,         ///< leaves the job running
    afterwards,  ///< fetches results and writes the remaining output
  };

  void await_signal();
  void on_signal(int number);
  void on_broken_output(int fd, int error);
  [[nodiscard]] bool leaves_job(int number) const;
  [[nodiscard]] int code_of_leaving(int code) const;

  CommonOptions options_;
  asio::io_context loop_{1};
  std::stop_source stop_;
  std::stop_source detach_;
  std::function<bool()> job_exists_;
  Phase phase_ = Phase::command;
  int left_by_ = 0;         ///< the signal that left a job running
  int interrupted_by_ = 0;  ///< the first signal that requested `stop`
  Console console_;
  asio::signal_set signals_;
  std::function<bool()> on_interrupt_;
  std::function<std::string()> parting_words_;
  std::function<void()> last_act_;
};

}  // namespace ec2mpi::cli
