#include "ec2mpi/ops/node/instance_id.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/metadata_script.hpp"
#include "ec2mpi/ops/node/remote.hpp"

namespace ec2mpi::ops {

namespace {

asio::awaitable<Result<ssh::ExitStatus>> ask(NodeRun run) {
  auto command = kMetadataFunction + "metadata instance-id";
  CO_TRY_AS(said, co_await capture(run.session, std::move(command), run.limit));
  constexpr std::string_view kKey = "instance-id ";
  const auto answer = trim(said->out);
  const auto id = answer.starts_with(kKey) ? answer.substr(kKey.size()) : std::string_view();
  if (!said->status.ok() || id.empty()) {
    co_return fail(ErrorKind::remote_io,
                   "its metadata service gives no instance id; is it an EC2 instance, with IMDS on?");
  }
  // After a stop and a start, the address may belong to another machine by now.
  if (!run.node.instance_id.empty() && id != run.node.instance_id) {
    co_return fail(ErrorKind::inventory, fmt::format("{} is {} now, not {}: paste the list anew",
                                                     run.node.address, printable(id), run.node.instance_id));
  }
  run.observer.on_line(run.node, ssh::Stream::out, printable(id));
  co_return said->status;
}

}  // namespace

NodeTask instance_id_task() {
  return [](NodeRun run) { return ask(std::move(run)); };
}

}  // namespace ec2mpi::ops
