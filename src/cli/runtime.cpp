#include "ec2mpi/cli/runtime.hpp"

#include <unistd.h>
#include <asio/co_spawn.hpp>
#include <csignal>
#include <exception>

#include "ec2mpi/base/exit_code.hpp"

namespace ec2mpi::cli {

namespace {

volatile std::sig_atomic_t not_taken = 0;  ///< signals that have come since the loop last took one
void (*tell_loop)(int) = nullptr;

void leave_at_once(int) {
  constexpr std::string_view kWords = "\nec2mpi: left at once.\n";
  [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, kWords.data(), kWords.size());
  ::_exit(exit_code::interrupted);
}

/// Something may hold up the loop: a write to a disk that hangs, for one. A second signal ends the program
/// even then; the loop has a second to do that with better words.
void on_any_signal(int number) {
  if (not_taken != 0) ::alarm(1);
  not_taken = 1;
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
      console_(loop_.get_executor(), options.colour, [this] { stop_.request_stop(); }),
      signals_(loop_, SIGINT, SIGTERM, SIGHUP) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that leaves shows as EPIPE
  std::signal(SIGALRM, leave_at_once);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) come_before_the_loop(number);
}

int Runtime::run(asio::awaitable<int> command) {
  await_signal();
  int code = exit_code::bug;
  std::exception_ptr failure;
  asio::co_spawn(loop_, std::move(command), [&](std::exception_ptr thrown, int result) {
    failure = thrown;
    code = result;
    console_.status("");
    asio::co_spawn(loop_, console_.flush({.deadline = Clock::time_point::max(), .stop = stop()}),
                   [this](std::exception_ptr) { loop_.stop(); });
  });
  loop_.run();
  if (failure) std::rethrow_exception(failure);
  if (last_act_) last_act_();
  return code;
}

std::stop_token Runtime::detach() {
  can_detach_ = true;
  signals_.add(SIGQUIT);
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

void Runtime::on_signal(int number) {
  not_taken = 0;
  if (can_detach_ && (number == SIGQUIT || number == SIGHUP)) {
    detach_.request_stop();
    await_signal();
    return;
  }
  if (stop_.stop_requested()) {
    const auto words = parting_words_ ? parting_words_() : std::string();
    const auto text = "\nec2mpi: left at once." + (words.empty() ? "" : " " + words) + "\n";
    [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, text.data(), text.size());
    ::_exit(exit_code::interrupted);
  }
  stop_.request_stop();
  await_signal();
}

}  // namespace ec2mpi::cli
