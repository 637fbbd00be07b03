#include "src/ops/pull/sums.hpp"

#include <unistd.h>
#include <asio/this_coro.hpp>
#include <memory>

#include "ec2mpi/base/sha256.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/feeder.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "src/ops/pull/script.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::size_t kBlock = 256 * 1024;
/// A path of PATH_MAX bytes that are all escaped, 64 digits, and four other characters.
constexpr std::size_t kMostForAFile = 2 * 4096 + 64 + 4;

}  // namespace

asio::awaitable<Result<SumsByPath>> sums_on_node(NodeRun& run, bool as_root,
                                                 const std::vector<PullWant>& files) {
  auto names = std::make_shared<std::string>();
  // By standard input, so no command line limits the number of files.
  for (const auto& file : files) names->append(file.path).push_back('\0');
  ssh::Request request{.command = as_reader(as_root, "xargs -0 sha256sum --"), .bulk = true};
  CO_TRY_AS(channel, co_await start_program(run.session, std::move(request), run.limit));
  const auto executor = co_await asio::this_coro::executor;
  const auto feeder = Feeder::over(executor, **channel, names, nullptr);
  feeder->start();
  std::string said;
  Result<void> read;
  while (read) {
    auto chunk = co_await (*channel)->read(run.limit);
    if (!chunk) read = std::unexpected(chunk.error());
    if (!chunk || !*chunk) break;
    if ((*chunk)->stream == ssh::Stream::out) said += (*chunk)->bytes;
    // More than the longest honest answer: a node must not fill the memory here.
    if (said.size() > files.size() * kMostForAFile + kBlock)
      read = fail(ErrorKind::protocol, "the node printed far more than was asked for");
  }
  co_await feeder->finish();
  if (!read) co_return std::unexpected(read.error());
  // The exit status does not matter: a file without a sum counts as different.
  co_return parse_sums(said);
}

asio::awaitable<Result<std::string>> sum_here(SafeTree& tree, std::string place, Limit limit) {
  CO_TRY_AS(file, tree.open_file(place));
  Sha256 sum;
  std::string block(kBlock, '\0');
  for (;;) {
    const auto got = ::read(file->get(), block.data(), block.size());
    if (got < 0) co_return io_error("read", place);
    if (got == 0) co_return sum.finish();
    sum.add(std::string_view(block).substr(0, static_cast<std::size_t>(got)));
    const Wake wake = co_await yield_to_loop(limit);
    if (wake != Wake::notified) co_return wake_error(wake, "the files here could not be read in time");
  }
}

}  // namespace ec2mpi::ops
