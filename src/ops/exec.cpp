#include "ec2mpi/ops/exec.hpp"

#include "ec2mpi/fleet/lines.hpp"
#include "ec2mpi/ops/remote.hpp"

namespace ec2mpi::ops {

namespace {

asio::awaitable<Result<ssh::ExitStatus>> exec(NodeRun run, std::string command) {
  ssh::Request request{.command = std::move(command)};
  auto channel = co_await run.session.start(std::move(request), run.limit);
  if (!channel) co_return std::unexpected(channel.error());
  (*channel)->close_input();

  LineCutter out;
  LineCutter err;
  const auto hand_on = [&run](ssh::Stream stream) {
    return [&run, stream](std::string_view line) { run.observer.on_line(run.node, stream, line); };
  };
  const auto sink = [&](const ssh::Chunk& chunk) {
    (chunk.stream == ssh::Stream::out ? out : err).feed(chunk.bytes, hand_on(chunk.stream));
  };
  auto status = co_await read_to_end(**channel, run.limit, sink, run.observer);
  out.finish(hand_on(ssh::Stream::out));
  err.finish(hand_on(ssh::Stream::err));
  if (!status) (*channel)->signal("TERM");
  co_return status;
}

}  // namespace

NodeTask exec_task(std::string command) {
  return [command = std::move(command)](NodeRun run) { return exec(run, command); };
}

}  // namespace ec2mpi::ops
