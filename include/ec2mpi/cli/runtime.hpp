#pragma once
/// The event loop of one command, its signals and its console.

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <functional>
#include <stop_token>
#include <string>

#include "ec2mpi/cli/console.hpp"
#include "ec2mpi/cli/options.hpp"

namespace ec2mpi::cli {

class Runtime {
 public:
  explicit Runtime(const CommonOptions& options);

  [[nodiscard]] asio::any_io_executor executor() { return loop_.get_executor(); }
  [[nodiscard]] Console& console() { return console_; }
  [[nodiscard]] const CommonOptions& options() const { return options_; }
  /// Requested by the first Ctrl-C, SIGTERM or SIGHUP, and when nobody reads standard output any more.
  [[nodiscard]] std::stop_token stop() const { return stop_.get_token(); }
  /// Once this was called, Ctrl-\ and SIGHUP (the terminal is gone) mean: leave it running.
  [[nodiscard]] std::stop_token detach();

  /// Said when a second Ctrl-C ends the program at once: what may still go on where.
  void set_parting_words(std::function<std::string()> words) { parting_words_ = std::move(words); }

  /// Called when all is done and said, right before `run` returns.
  void set_last_act(std::function<void()> act) { last_act_ = std::move(act); }
  /// No signal means anything to the command any more.
  void end_signals();
  [[nodiscard]] asio::io_context& loop() { return loop_; }

  /// Runs the command to its end and gives its exit code.
  int run(asio::awaitable<int> command);

 private:
  void await_signal();
  void on_signal(int number);

  CommonOptions options_;
  asio::io_context loop_{1};
  std::stop_source stop_;
  std::stop_source detach_;
  bool can_detach_ = false;
  Console console_;
  asio::signal_set signals_;
  std::function<std::string()> parting_words_;
  std::function<void()> last_act_;
};

}  // namespace ec2mpi::cli
