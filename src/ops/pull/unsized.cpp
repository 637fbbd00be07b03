#include "src/ops/pull/unsized.hpp"

#include <fmt/format.h>
#include <asio/this_coro.hpp>
#include <memory>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/feeder.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "src/ops/pull/script.hpp"

namespace ec2mpi::ops {

namespace {

/// -1 for a character that is no digit. The bytes come as hexadecimal digits, because od(1) is on every node
/// and any other form would need an escape for the end of a file.
int hexadecimal(char letter) {
  const auto digit = std::string_view("0123456789abcdef").find(letter);
  return digit == std::string_view::npos ? -1 : static_cast<int>(digit);
}

}  // namespace

Result<void> UnsizedFiles::feed(std::string_view text) {
  std::string bytes;
  for (const char letter : text) {
    if (auto taken = take(letter, bytes); !taken) return taken;
  }
  return bytes.empty() ? Result<void>{} : write(bytes);
}

/// One character: a digit, a blank, or the end of a file, "." if it is whole and "!" if not.
Result<void> UnsizedFiles::take(char letter, std::string& bytes) {
  if (letter == ' ' || letter == '\n') return {};
  if (letter == '.' || letter == '!') {
    if (next_ < files_.size() && digit_ < 0) {
      if (auto written = write(bytes); !written) return written;
      return end(letter == '.');
    }
  } else if (const int digit = hexadecimal(letter); digit >= 0 && next_ < files_.size()) {
    if (digit_ >= 0) bytes += static_cast<char>(digit_ * 16 + digit);
    digit_ = digit_ >= 0 ? -1 : digit;
    return {};
  }
  return fail(ErrorKind::protocol, "the node sends data that was not asked for");
}

/// Begins the file at its first bytes, or at its end if it has none.
Result<void> UnsizedFiles::write(std::string& bytes) {
  const auto& file = files_[next_];
  if (!begun_) {
    auto attributes = attributes_of(file.item);
    // The system reports a page and no blocks for a file of /sys, but it has no holes.
    attributes.sparse = false;
    if (auto begun = tree_.begin_file(file.place, attributes); !begun) return begun;
    begun_ = true;
  }
  of_file_ += bytes.size();
  // Such a file may have no end.
  if (of_file_ > kMostOfAFile || bytes.size() > left_) {
    return fail(ErrorKind::remote_io,
                fmt::format("{} is larger than it said, and does not fit", printable(file.path)));
  }
  left_ -= bytes.size();
  on_bytes_(bytes.size());
  return tree_.write(std::exchange(bytes, {}));
}

Result<void> UnsizedFiles::end(bool whole) {
  ++next_;
  begun_ = false;
  of_file_ = 0;
  if (!whole) {
    // The script gives the reason on standard error and continues with the next file.
    tree_.drop_file();
    return {};
  }
  ++arrived_;
  return tree_.end_file();
}

asio::awaitable<Result<ssh::ExitStatus>> pull_unsized(NodeRun& run, bool as_root, UnsizedFiles& reader,
                                                      std::vector<PullWant> files,
                                                      std::function<void(std::string_view)> keep) {
  ssh::Request request{.command = as_reader(as_root, read_unsized_program()), .bulk = true};
  CO_TRY_AS(channel, co_await start_program(run.session, std::move(request), run.limit));
  auto names = std::make_shared<std::string>();
  for (const auto& file : files) names->append(file.path).push_back('\0');
  const auto executor = co_await asio::this_coro::executor;
  const auto feeder = Feeder::over(executor, **channel, names, nullptr);
  feeder->start();
  Result<void> read;
  while (read) {
    auto chunk = co_await (*channel)->read(run.limit);
    if (!chunk) read = std::unexpected(chunk.error());
    if (!chunk || !*chunk) break;
    if ((*chunk)->stream == ssh::Stream::err) {
      keep((*chunk)->bytes);
      continue;
    }
    read = reader.feed((*chunk)->bytes);
    co_await run.observer.ready(run.limit);
  }
  // Before any return, because the feeder has borrowed the channel.
  co_await feeder->finish();
  if (!read) co_return std::unexpected(read.error());
  co_return (*channel)->exit_status();
}

}  // namespace ec2mpi::ops
