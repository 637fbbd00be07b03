#include "ec2mpi/cli/terminal/passphrase.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <csignal>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"

namespace ec2mpi::cli {

namespace {

/// Holds back the signals that end a program, so that they act when the terminal is as it was.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t ending;
    sigemptyset(&ending);
    for (const int number : {SIGTERM, SIGHUP, SIGINT, SIGQUIT}) sigaddset(&ending, number);
    ::pthread_sigmask(SIG_BLOCK, &ending, &before_);
    came_ = UniqueFd(::signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  ~HeldSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  /// Readable once one has come. Nobody reads it, so the signal stays pending.
  [[nodiscard]] int came() const { return came_.get(); }

 private:
  sigset_t before_{};
  UniqueFd came_;
};

/// No echo while it lives; Ctrl-C is a character, and Enter ends the line also where a prompt of ours has
/// made the terminal raw.
class HiddenInput {
 public:
  explicit HiddenInput(int terminal) : terminal_(terminal) {
    ::tcgetattr(terminal_, &before_);
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    // The end of the line is shown, so that the next output begins a line.
    hidden.c_lflag |= ECHONL | ICANON;
    hidden.c_iflag |= ICRNL;
    ::tcsetattr(terminal_, TCSAFLUSH, &hidden);
  }
  ~HiddenInput() { ::tcsetattr(terminal_, TCSAFLUSH, &before_); }
  HiddenInput(const HiddenInput&) = delete;
  HiddenInput& operator=(const HiddenInput&) = delete;

 private:
  int terminal_;
  termios before_{};
};

/// Nothing if a signal came first, or the terminal is gone.
std::optional<char> next_character(int terminal, const HeldSignals& signals) {
  std::array<pollfd, 2> ready{{{terminal, POLLIN, 0}, {signals.came(), POLLIN, 0}}};
  while (::poll(ready.data(), ready.size(), -1) < 0) {
    if (errno != EINTR) return std::nullopt;
  }
  if (ready[1].revents != 0) return std::nullopt;
  char c = '\n';  // also at the end of the input
  if (::read(terminal, &c, 1) < 0) return std::nullopt;
  return c;
}

/// Nothing without a terminal, after Ctrl-C, and after a signal. The caller wipes the answer.
std::optional<std::string> prompt_secret(const std::string& question) {
  // Not standard input: it may hold data for the nodes.
  const UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal) return std::nullopt;
  const HeldSignals signals;  // first, for it has to end last
  const HiddenInput hidden(
      terminal.get());  // before the question: it discards the keys that were typed until then
  if (!write_all(terminal.get(), question, "/dev/tty")) return std::nullopt;
  std::string answer;
  answer.reserve(256);  // or growing would leave parts of it behind
  constexpr char kCtrlC = 3;
  for (;;) {
    const auto c = next_character(terminal.get(), signals);
    if (!c || *c == kCtrlC) {
      wipe(answer);  // its beginning may have been typed
      return std::nullopt;
    }
    if (*c == '\n') return answer;
    answer += *c;
  }
}

}  // namespace

std::optional<std::string> prompt_passphrase(const std::filesystem::path& key_file) {
  return prompt_secret(fmt::format("Passphrase for {}: ", printable(key_file.string())));
}

std::function<std::optional<std::string>()> prompt_secret_once(std::string question) {
  struct Answer {
    bool asked = false;
    std::optional<std::string> secret = {};
    ~Answer() {
      if (secret) wipe(*secret);
    }
  };
  return [question = std::move(question), answer = std::make_shared<Answer>()] {
    if (!std::exchange(answer->asked, true)) answer->secret = prompt_secret(question);
    return answer->secret;
  };
}

}  // namespace ec2mpi::cli
