#include "src/cloud/local_command.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/read.hpp>
#include <asio/this_coro.hpp>
#include <csignal>
#include <string_view>
#include <vector>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/file.hpp"

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 forgets that C++ may include it
}

namespace ec2mpi::cloud {

namespace {

// The reading ends there, so a command that prints without end cannot fill the memory.
constexpr std::size_t kMostOutput = 64 << 10;

/// Our environment without the keys: the child has its own credentials.
std::vector<char*> environment_without_keys() {
  std::vector<char*> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    bool is_key = false;
    for (const std::string_view name : {"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_SESSION_TOKEN="})
      is_key = is_key || text.starts_with(name);
    if (!is_key) kept.push_back(*entry);
  }
  kept.push_back(nullptr);
  return kept;
}

/// A started child. Its destructor kills and reaps it, if that is still to be done.
class Child {
 public:
  /// Starts the command by sh, with empty input, and without AWS keys in its environment.
  static Result<std::unique_ptr<Child>> start(const std::string& command) {
    auto child = std::make_unique<Child>();
    std::array<int, 2> out{};
    std::array<int, 2> err{};
    // O_CLOEXEC: the child keeps only its copies 1 and 2, so the pipes end when it ends.
    if (::pipe2(out.data(), O_CLOEXEC) != 0) return io_error("make", "a pipe");
    child->out = UniqueFd(out[0]);
    const UniqueFd out_end(out[1]);
    if (::pipe2(err.data(), O_CLOEXEC) != 0) return io_error("make", "a pipe");
    child->err = UniqueFd(err[0]);
    const UniqueFd err_end(err[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    ::posix_spawn_file_actions_adddup2(&actions, err[1], 2);
    std::string text = command;
    std::string shell = "sh";
    std::string flag = "-c";
    std::array<char*, 4> words{shell.data(), flag.data(), text.data(), nullptr};
    pid_t pid = -1;
    const int failed =
        ::posix_spawn(&pid, "/bin/sh", &actions, nullptr, words.data(), environment_without_keys().data());
    ::posix_spawn_file_actions_destroy(&actions);
    errno = failed;
    if (failed != 0) return io_error("start", "/bin/sh");
    child->pid_ = pid;
    // Becomes readable when the child ends; SIGCHLD would be one for the whole process.
    child->ended = UniqueFd(::pidfd_open(pid, 0));
    if (!child->ended) return io_error("watch", "/bin/sh");
    return child;
  }
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    // The child is not reaped, so its number cannot belong to another process yet.
    ::kill(pid_, SIGKILL);
    reap();
  }

  /// As a shell counts it: the exit status, or 128 and the number of the signal.
  int reap() {
    int status = 0;
    const pid_t child = std::exchange(pid_, -1);
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  UniqueFd out;
  UniqueFd err;
  UniqueFd ended;

 private:
  pid_t pid_ = -1;
};

/// Shared by three handlers, which report the ends of both outputs and of the process.
struct Progress {
  explicit Progress(const asio::any_io_executor& executor) : changed(executor) {}
  Event changed;
  int left = 3;
  std::string out;
  std::string err;
};

}  // namespace

asio::awaitable<Result<CommandEnd>> run_local_command(std::string command, Limit limit) {
  const auto executor = co_await asio::this_coro::executor;
  auto started = Child::start(command);
  if (!started) co_return std::unexpected(started.error());
  auto& child = **started;
  // Shared: after a timeout, the cancelled handlers run when this frame is gone.
  const auto progress = std::make_shared<Progress>(executor);
  const auto one_ended = [progress](std::error_code, std::size_t) {
    --progress->left;
    progress->changed.notify_all();
  };
  using Descriptor = asio::posix::stream_descriptor;
  // From here on, the descriptors of asio own the files.
  Descriptor out(executor, child.out.release());
  Descriptor err(executor, child.err.release());
  Descriptor ended(executor, child.ended.release());
  asio::async_read(out, asio::dynamic_buffer(progress->out, kMostOutput), asio::transfer_all(), one_ended);
  asio::async_read(err, asio::dynamic_buffer(progress->err, kMostOutput), asio::transfer_all(), one_ended);
  ended.async_wait(Descriptor::wait_read, [one_ended](std::error_code error) { one_ended(error, 0); });
  while (progress->left > 0) {
    const Wake wake = co_await progress->changed.wait(limit);
    if (wake != Wake::notified) co_return wake_error(wake, "the command did not end in time");
  }
  CommandEnd end{child.reap(), std::move(progress->out), std::move(progress->err)};
  co_return end;
}

}  // namespace ec2mpi::cloud
