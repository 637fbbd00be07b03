#include "ec2mpi/cli/terminal/standard_output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "ec2mpi/base/exit_code.hpp"

namespace ec2mpi::cli {

namespace {

/// One for the process, as the descriptors are. The first failure counts, but any before a closed pipe.
int& loss_of_process() {
  static int error = 0;
  return error;
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

void print_to(int fd, std::string_view text) {
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
  print_to(STDOUT_FILENO, text);
}
void print_talk(std::string_view text) {
  print_to(STDERR_FILENO, text);
}

std::string loss_text(int fd, int error) {
  return std::string("cannot write standard ") + (fd == STDOUT_FILENO ? "output: " : "error: ") +
         std::strerror(error);
}

void note_loss(int error) {
  auto& loss = loss_of_process();
  if (loss == 0 || loss == EPIPE) loss = error;
}

void forget_losses() {
  loss_of_process() = 0;
}

int exit_code_with_losses(int code) {
  const int loss = loss_of_process();
  // A failed node counts more than lost output.
  if (loss == 0 || code != exit_code::ok) return code;
  return loss == EPIPE ? exit_code::reader_gone : exit_code::node_failed;
}

}  // namespace ec2mpi::cli
