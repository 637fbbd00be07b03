#include "ec2mpi/cli/session/runtime.hpp"

#include <unistd.h>
#include <asio/co_spawn.hpp>
#include <cerrno>
#include <csignal>
#include <exception>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cli/terminal/terminal.hpp"

namespace ec2mpi::cli {

namespace {

constexpr auto kLastWords = std::chrono::seconds(2);  ///< for a reader of ours that has stopped reading

volatile std::sig_atomic_t interrupts_waiting = 0;  ///< a Ctrl-C has come that the loop has not taken
void (*tell_loop)(int) = nullptr;

/// Runs in a signal handler, so it may call only functions that signal-safety(7) lists.
void leave_at_once(int) {
  RawMode::restore_from_handler();
  constexpr std::string_view kWords = "\nec2mpi: left at once.\n";
  [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, kWords.data(), kWords.size());
  ::_exit(exit_code::interrupted);
}

/// Something may hold up the loop: a write to a disk that hangs, for one. A second Ctrl-C ends the program
/// even then; the loop has a second to do that with better words.
void on_any_signal(int number) {
  if (number == SIGINT) {
    if (interrupts_waiting != 0) ::alarm(1);
    interrupts_waiting = 1;
  }
  tell_loop(number);
}

/// Puts `on_any_signal` before the loop's own handler.
void come_before_the_loop(int number) {
  struct sigaction action {};
  ::sigaction(number, nullptr, &action);
  tell_loop = action.sa_handler;
  action.sa_handler = on_any_signal;
  ::sigaction(number, &action, nullptr);
}

}  // namespace

Runtime::Runtime(const CommonOptions& options)
    : options_(options),
      console_(loop_.get_executor(), options.colour,
               [this](int fd, int error) { on_broken_output(fd, error); }),
      signals_(loop_) {
  std::signal(SIGALRM, leave_at_once);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    signals_.add(number);  // installs the loop's handler
    come_before_the_loop(number);
  }
}

int Runtime::run(asio::awaitable<int> command) {
  await_signal();
  int code = exit_code::bug;
  std::exception_ptr failure;
  asio::co_spawn(loop_, std::move(command), [&](std::exception_ptr thrown, int result) {
    failure = thrown;
    code = result;
    phase_ = Phase::afterwards;
    parting_words_ = {};  // these two use objects of the command
    on_interrupt_ = {};
    console_.status("");
    Limit flushing{.deadline = Clock::time_point::max(), .stop = stop()};
    if (detach_.stop_requested()) flushing = flushing.at_most(kLastWords);
    // All output is written before the loop ends.
    asio::co_spawn(loop_, console_.flush(flushing), [this](std::exception_ptr) { loop_.stop(); });
  });
  loop_.run();
  // Only here, where no handler of the loop is on the stack.
  if (failure) std::rethrow_exception(failure);
  // The loop stands still here, so this act may fork the process.
  if (last_act_) last_act_();
  return code_of_leaving(code);
}

int Runtime::code_of_leaving(int code) const {
  // As shells report a program that a signal ended.
  if (code == exit_code::ok && left_by_ != 0) return 128 + left_by_;
  // Nobody interrupted it but lost output, and that gives the code.
  if (code == exit_code::interrupted && interrupted_by_ == 0 && stop_.stop_requested()) return exit_code::ok;
  return code;
}

std::stop_token Runtime::detach(std::function<bool()> job_exists) {
  phase_ = Phase::job;
  job_exists_ = std::move(job_exists);
  return detach_.get_token();
}

void Runtime::end_signals() {
  std::error_code ignored;
  signals_.clear(ignored);
  parting_words_ = {};
}

void Runtime::await_signal() {
  signals_.async_wait([this](std::error_code cancelled, int number) {
    if (!cancelled) on_signal(number);
  });
}

/// These leave the job running: SIGTERM only once the job exists, SIGINT never.
bool Runtime::leaves_job(int number) const {
  if (phase_ != Phase::job) return false;
  return number == SIGQUIT || number == SIGHUP || (number == SIGTERM && job_exists_());
}

/// Only a second Ctrl-C leaves at once: timeout(1) sends its signal to the process and again to its group.
void Runtime::on_signal(int number) {
  if (number == SIGINT) interrupts_waiting = 0;
  if (number == SIGINT && on_interrupt_ && on_interrupt_()) return await_signal();
  if (leaves_job(number)) {
    // Ctrl-\ is a wish to leave, so it does not change the exit code.
    if (number != SIGQUIT) left_by_ = number;
    detach_.request_stop();
    await_signal();
    return;
  }
  if (interrupted_by_ != 0 && number == SIGINT) {
    RawMode::restore_from_handler();
    const auto words = parting_words_ ? parting_words_() : std::string();
    const auto text = "\nec2mpi: left at once." + (words.empty() ? "" : " " + words) + "\n";
    [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, text.data(), text.size());
    // No destructors: one of them could wait for the very thing that hangs.
    ::_exit(exit_code::interrupted);
  }
  if (interrupted_by_ == 0) interrupted_by_ = number;
  stop_.request_stop();
  await_signal();
}

void Runtime::on_broken_output(int fd, int error) {
  note_loss(error);
  if (fd != STDOUT_FILENO) return;  // results still arrive
  if (error != EPIPE) console_.talk("ec2mpi: " + loss_text(fd, error));
  if (phase_ == Phase::command && parting_words_ && !parting_words_().empty())
    console_.talk("ec2mpi: nobody reads the output: ending what runs on the nodes");
  // A job on the nodes continues without a reader here.
  if (phase_ == Phase::job && job_exists_())
    detach_.request_stop();
  else if (phase_ != Phase::afterwards)
    // Afterwards, nothing is left to stop.
    stop_.request_stop();
}

}  // namespace ec2mpi::cli
