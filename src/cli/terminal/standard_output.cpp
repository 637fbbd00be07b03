#include "ec2mpi/cli/terminal/standard_output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/terminal/diverted_results.hpp"

namespace ec2mpi::cli {

namespace {

/// Of the last messages, which the JSON document of a command repeats; the oldest are dropped.
constexpr std::size_t kMostSaid = 8 * 1024;

/// Of the process, as the descriptors are.
struct StreamNotes {
  int loss = 0;  ///< the first failure counts, but any before a closed pipe
  bool has_results = false;
  std::string said;  ///< on standard error
};
StreamNotes& stream_notes() {
  static StreamNotes of_process;
  return of_process;
}

/// A line as it would be without colours.
std::string plain_line(std::string_view line) {
  std::string plain;
  while (!line.empty()) {
    const auto colour = line.find("\x1b[");
    plain += line.substr(0, colour);
    if (colour == std::string_view::npos) break;
    line.remove_prefix(colour);
    const auto end = line.find('m');
    line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
  }
  if (plain.starts_with("ec2mpi: ")) plain.erase(0, 8);
  return printable(plain);
}

/// 0, or the errno.
int write_to(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto wrote = ::write(fd, text.data(), text.size());
    if (wrote >= 0) {
      text.remove_prefix(static_cast<std::size_t>(wrote));
    } else if (errno == EAGAIN) {  // another program made the shared descriptor nonblocking
      pollfd ready{fd, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

/// A loss is noted for the exit code, and reported once where that is possible.
void print_to(int fd, std::string_view text) {
  note_output(fd, text);
  const int error = write_to(fd, text);
  if (error == 0) return;
  note_loss(error);
  // If standard error is lost, no place is left to report it.
  if (fd == STDOUT_FILENO && error != EPIPE)
    write_to(STDERR_FILENO, "ec2mpi: " + loss_text(fd, error) + "\n");
}

}  // namespace

void fill_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) != -1) continue;
    // The lowest free number is this one. Opened for the wrong direction, so that its use stays an error.
    [[maybe_unused]] const int same = ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

void print_result(std::string_view text) {
  print_to(results_are_diverted() ? STDERR_FILENO : STDOUT_FILENO, text);
}
void print_talk(std::string_view text) {
  print_to(STDERR_FILENO, text);
}

/// `error` is an errno.
std::string loss_text(int fd, int error) {
  return std::string("cannot write standard ") + (fd == STDOUT_FILENO ? "output: " : "error: ") +
         std::strerror(error);
}

void note_loss(int error) {
  auto& loss = stream_notes().loss;
  if (loss == 0 || loss == EPIPE) loss = error;
}

void note_output(int fd, std::string_view text) {
  auto& [loss, has_results, said] = stream_notes();
  if (fd == STDOUT_FILENO) {
    has_results = has_results || !text.empty();
    return;
  }
  said += text.substr(text.size() - std::min(text.size(), kMostSaid));
  // At twice the size only, so that not every message moves the whole text.
  if (said.size() > 2 * kMostSaid) said.erase(0, said.size() - kMostSaid);
}

bool has_results() {
  return stream_notes().has_results;
}

std::string last_words() {
  std::vector<std::string> lines;
  for (const auto line : split(trim(stream_notes().said), '\n')) lines.push_back(plain_line(line));
  return join(lines, "\n");
}

void forget_notes() {
  stream_notes() = {};
}

int exit_code_with_losses(int code) {
  const int loss = stream_notes().loss;
  // A failed node counts more than lost output.
  if (loss == 0 || code != exit_code::ok) return code;
  return loss == EPIPE ? exit_code::reader_gone : exit_code::node_failed;
}

}  // namespace ec2mpi::cli
