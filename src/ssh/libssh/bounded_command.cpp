#include "src/ssh/libssh/bounded_command.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>
#include <thread>

namespace ec2mpi::ssh {

namespace {

/// In its own process group, so that all of it can be ended. Nothing if it cannot be started.
std::optional<pid_t> start_command(const std::string& command) {
  const char* of_user = std::getenv("SHELL");  // as ssh
  const char* shell = of_user == nullptr || *of_user == '\0' ? "/bin/sh" : of_user;
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  // The command must not read our input, nor write into our output.
  for (int fd = 0; fd < 3; ++fd)
    ::posix_spawn_file_actions_addopen(&files, fd, "/dev/null", fd == 0 ? O_RDONLY : O_WRONLY, 0);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::string name(shell);
  std::string option("-c");
  std::string text(command);
  char* const arguments[] = {name.data(), option.data(), text.data(), nullptr};
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, shell, &files, &attributes, arguments, environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  if (failed != 0) return std::nullopt;
  return child;
}

}  // namespace

std::optional<bool> run_bounded(const std::string& command, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  const auto child = start_command(command);
  if (!child) return false;
  for (int status = 0;;) {
    const pid_t ended = ::waitpid(*child, &status, WNOHANG);
    if (ended == *child) return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (ended < 0 && errno != EINTR) return false;
    if (std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  // The whole group, for the children of the shell would run on.
  ::kill(-*child, SIGKILL);
  while (::waitpid(*child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return std::nullopt;
}

}  // namespace ec2mpi::ssh
