#include "ec2mpi/cli/session/log.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/session/world.hpp"

namespace ec2mpi::cli {

namespace {

/// Appends whole lines with one write each, so that a log is readable after a crash too.
class FileSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  FileSink(UniqueFd file, std::vector<std::string> hidden)
      : file_(std::move(file)), hidden_(std::move(hidden)) {
    set_pattern("%H:%M:%S.%e %v");
    // Numbers, the shortest words and the names of nodes hold no secret, and are everywhere.
    std::erase_if(hidden_, [](const std::string& value) {
      return value.size() < 4 || value.starts_with("node") ||
             value.find_first_not_of("0123456789-,.") == std::string::npos;
    });
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    // A full disk must not end the command: the log is only a help.
    [[maybe_unused]] const auto written =
        write_all(file_.get(), without_hidden({line.data(), line.size()}), {});
  }

  /// Messages quote values that were typed, and words that start-up files print.
  [[nodiscard]] std::string without_hidden(std::string text) const {
    constexpr std::string_view kPrinted = "it printed: ";
    if (const auto at = text.find(kPrinted); at != std::string::npos) {
      const auto begin = at + kPrinted.size();
      text.replace(begin, text.find('\n', begin) - begin, "(hidden)");
    }
    for (const auto& value : hidden_)
      for (auto at = text.find(value); at != std::string::npos; at = text.find(value, at + 7))
        text.replace(at, value.size(), "(typed)");
    return text;
  }

  // Each line is written at once.
  void flush_() override {}

  UniqueFd file_;
  std::vector<std::string> hidden_;
};

/// With the names of the flags that were typed, and without their values.
std::string first_line(const Cluster& cluster, const CommonOptions& common) {
  const auto now = std::chrono::floor<std::chrono::seconds>(common.world->now());
  return fmt::format("ec2mpi {} · {:%Y-%m-%d %H:%M:%S} UTC · {} of {}\n", common.typed, fmt::gmtime(now),
                     cluster.nodes.size(), count_of(cluster.inventory.nodes.size(), "node"));
}

/// A command that runs beside another one writes into its own file: the older file has no name any more.
Result<UniqueFd> make_file(const Cluster& cluster, const CommonOptions& common) {
  const auto file = cluster.state.path() / kLogFile;
  cluster.state.remove({kLogFile});
  if (auto written = cluster.state.write(kLogFile, first_line(cluster, common)); !written)
    return std::unexpected(written.error());
  // The file is opened by its name once more, and by now a link could stand there.
  UniqueFd opened(::open(file.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC));
  if (!opened) return io_error("write", file);
  return opened;
}

/// Around the real connector, so that kept and new connections are logged alike.
class LoggedConnector : public ssh::Connector {
 public:
  explicit LoggedConnector(std::unique_ptr<ssh::Connector> connector) : connector_(std::move(connector)) {}

  ssh::awaitable<Result<std::unique_ptr<ssh::Session>>> connect(const Node& node, Limit limit,
                                                                ssh::PhaseObserver on_phase) override {
    const auto start = Clock::now();
    const ssh::PhaseObserver logged = [&on_phase, label = node.label()](ssh::Phase phase) {
      spdlog::trace("{}: {}", label, ssh::phase_name(phase));
      on_phase(phase);
    };
    auto session = co_await connector_->connect(node, std::move(limit), logged);
    const auto took = format_duration(Clock::now() - start);
    if (session)
      spdlog::trace("{}: connected after {}", node.label(), took);
    else
      spdlog::trace("{}: not connected after {}: {}", node.label(), took, printable(session.error().message));
    co_return session;
  }

 private:
  std::unique_ptr<ssh::Connector> connector_;
};

}  // namespace

void begin_log(const Cluster& cluster, const CommonOptions& common) {
  auto file = make_file(cluster, common);
  if (!file) {
    // Where nothing can be written, the command works without a log.
    spdlog::debug("no log is kept: {}", file.error().message);
    return;
  }
  auto& logger = *spdlog::default_logger();
  logger.sinks().push_back(std::make_shared<FileSink>(std::move(*file), common.typed_values));
  logger.set_level(spdlog::level::trace);
}

void end_log(int exit_code) {
  spdlog::trace("exit code {}", exit_code);
}

void leave_log() {
  std::erase_if(spdlog::default_logger()->sinks(), [](const spdlog::sink_ptr& sink) {
    return std::dynamic_pointer_cast<FileSink>(sink) != nullptr;
  });
}

std::unique_ptr<ssh::Connector> make_logged_connector(std::unique_ptr<ssh::Connector> connector) {
  return std::make_unique<LoggedConnector>(std::move(connector));
}

}  // namespace ec2mpi::cli
