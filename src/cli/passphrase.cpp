#include "ec2mpi/cli/passphrase.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"

namespace ec2mpi::cli {

namespace {

/// No echo while it lives; and Ctrl-C is a character, for a signal's death would leave the terminal without
/// echo.
class HiddenInput {
 public:
  explicit HiddenInput(int terminal) : terminal_(terminal) {
    ::tcgetattr(terminal_, &before_);
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    hidden.c_lflag |= ECHONL;
    ::tcsetattr(terminal_, TCSAFLUSH, &hidden);
  }
  ~HiddenInput() { ::tcsetattr(terminal_, TCSAFLUSH, &before_); }
  HiddenInput(const HiddenInput&) = delete;
  HiddenInput& operator=(const HiddenInput&) = delete;

 private:
  int terminal_;
  termios before_{};
};

}  // namespace

std::optional<std::string> prompt_passphrase(const std::filesystem::path& key_file) {
  return prompt_secret(fmt::format("Passphrase for {}: ", printable(key_file.string())));
}

std::optional<std::string> prompt_secret(const std::string& question) {
  const UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal) return std::nullopt;
  const HiddenInput hidden(terminal.get());  // before the question: it throws away what was typed until then
  if (!write_all(terminal.get(), question, "/dev/tty")) return std::nullopt;
  std::string answer;
  char c = 0;
  constexpr char kCtrlC = 3;
  while (::read(terminal.get(), &c, 1) == 1 && c != '\n') {
    if (c == kCtrlC) return std::nullopt;
    answer += c;
  }
  return answer;
}

}  // namespace ec2mpi::cli
