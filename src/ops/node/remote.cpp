#include "ec2mpi/ops/node/remote.hpp"

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"

#include <fmt/format.h>

namespace ec2mpi::ops {

namespace {
constexpr std::size_t kMostCaptured = 1 << 20;
}

asio::awaitable<Result<ssh::ExitStatus>> read_to_end(ssh::Channel& channel, Limit limit, ChunkSink sink,
                                                     Observer& observer) {
  for (;;) {
    CO_TRY_AS(chunk, co_await channel.read(limit));
    if (!*chunk) co_return channel.exit_status();
    // Right before, not after: of many nodes that wait for room, each takes it before the next one looks.
    co_await observer.ready(limit);
    sink(**chunk);
  }
}

asio::awaitable<Result<void>> offer_input(ssh::Channel& channel, std::string_view bytes, Limit limit) {
  auto written = co_await channel.write(bytes, limit);
  if (!written && written.error().kind == ErrorKind::remote_io) co_return Result<void>{};
  co_return written;
}

asio::awaitable<Result<Captured>> capture(ssh::Session& session, std::string command, Limit limit,
                                          std::string input, Environment environment) {
  ssh::Request request{.command = std::move(command)};
  CO_TRY_AS(channel, co_await start_program(session, std::move(request), limit, environment));
  if (!input.empty()) {
    auto written = co_await (*channel)->write(input, limit);
    wipe(input);  // it may be a key
    if (!written) co_return std::unexpected(written.error());
  }
  (*channel)->close_input();

  Captured captured;
  for (;;) {
    CO_TRY_AS(chunk, co_await (*channel)->read(limit));
    if (!*chunk) break;
    auto& text = (*chunk)->stream == ssh::Stream::out ? captured.out : captured.err;
    text += (*chunk)->bytes;
    // A hostile node must not fill the memory.
    if (text.size() > kMostCaptured)
      co_return fail(ErrorKind::remote_io, "the node printed far more than was asked for");
  }
  CO_TRY_AS(status, (*channel)->exit_status());
  captured.status = *status;
  co_return captured;
}

}  // namespace ec2mpi::ops
