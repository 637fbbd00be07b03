#include "ec2mpi/cli/session/stay_behind.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <asio/co_spawn.hpp>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/session/log.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/ssh/keepable_session.hpp"
#include "ec2mpi/ssh/kept/daemon.hpp"

namespace ec2mpi::cli {

namespace {

constexpr const char* kProcessName = "ec2mpi-daemon";  // at most 15 letters
constexpr int kFirstAfterStandard = 3;

/// All that are open.
std::vector<int> open_descriptors() {
  std::vector<int> open;
  DIR* const listing = ::opendir("/proc/self/fd");
  if (listing == nullptr) return open;
  while (const dirent* entry = ::readdir(listing)) {
    const auto number = parse_number(entry->d_name);
    if (!number) continue;
    const auto fd = static_cast<int>(*number);
    // The listing's own descriptor is closed below.
    if (fd != ::dirfd(listing)) open.push_back(fd);
  }
  ::closedir(listing);
  return open;
}

/// The descriptors that the shell gave to the command, as note_inherited_descriptors() found them.
std::vector<int>& inherited() {
  static std::vector<int> descriptors;
  return descriptors;
}

/// Nothing of the user's is held any more: no terminal, no pipe that somebody waits at the end of, no folder.
void let_go_of_everything() {
  // In a new session, signals of the terminal and its end do not reach the daemon.
  ::setsid();
  const UniqueFd nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int fd : inherited()) {
    if (fd < kFirstAfterStandard)
      ::dup2(nowhere.get(), fd);
    else
      ::close(fd);
  }
  ::prctl(PR_SET_NAME, kProcessName);
  ::prctl(PR_SET_DUMPABLE, 0);    // it holds keys and sessions: no core files, and nobody may look into it
  if (::chdir("/") != 0) return;  // then it stays in the user's folder; nothing else depends on it
}

/// The life of the daemon, in the child process. No destructor of the command runs there.
[[noreturn]] void keep(Runtime& runtime, ssh::Daemon& daemon) {
  std::stop_source stop;
  asio::signal_set signals(runtime.loop(), SIGINT, SIGTERM, SIGHUP);
  signals.async_wait([&stop](std::error_code, int) { stop.request_stop(); });
  // The command's end has stopped the loop.
  runtime.loop().restart();
  asio::co_spawn(runtime.loop(), daemon.serve(stop.get_token()),
                 [&runtime](std::exception_ptr) { runtime.loop().stop(); });
  runtime.loop().run();
  ::_exit(exit_code::ok);  // the frames above on the stack belong to the command, which has ended
}

}  // namespace

void note_inherited_descriptors() {
  inherited() = open_descriptors();
}

void stay_behind(Runtime& runtime, Access& access, const ssh::SessionsToKeep& to_keep,
                 std::chrono::seconds idle) {
  auto daemon = ssh::make_daemon(runtime.executor(), access.connections, to_keep, idle);
  if (!daemon) {
    print_talk("ec2mpi: connections are not kept: " + daemon.error().message + "\n");
    return;
  }
  if (!*daemon) return;
  runtime.console().close();
  // Tells asio of the fork: parent and child must not share one epoll.
  runtime.loop().notify_fork(asio::execution_context::fork_prepare);
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      runtime.loop().notify_fork(asio::execution_context::fork_child);
      let_go_of_everything();
      leave_log();
      runtime.end_signals();
      access.transport.keys.clear();
      access.transport.fallback_keys.clear();  // nobody will log in any more
      keep(runtime, **daemon);
    } catch (...) {
      ::_exit(exit_code::bug);  // no terminal is left for a message
    }
  }
  runtime.loop().notify_fork(asio::execution_context::fork_parent);
  if (child < 0)
    print_talk(fmt::format("ec2mpi: connections are not kept: cannot fork: {}\n", std::strerror(errno)));
  else
    ssh::abandon_all_connections();
}

}  // namespace ec2mpi::cli
