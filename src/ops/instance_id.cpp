#include "ec2mpi/ops/instance_id.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/remote.hpp"

namespace ec2mpi::ops {

namespace {

/// With curl, else with python3: an image has one of them.
constexpr std::string_view kScript = R"sh(
at=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
if command -v curl >/dev/null 2>&1; then
  token=$(curl -sf -m 2 -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" "$at/latest/api/token") || exit 3
  exec curl -sf -m 2 -H "X-aws-ec2-metadata-token: $token" "$at/latest/meta-data/instance-id"
fi
exec python3 - "$at" <<'PYTHON'
import sys, urllib.request
def ask(path, method, **headers):
    headers = {"X-aws-ec2-metadata-token" + key: value for key, value in headers.items()}
    request = urllib.request.Request(sys.argv[1] + path, method=method, headers=headers)
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=2).read().decode()
try:
    token = ask("/latest/api/token", "PUT", **{"-ttl-seconds": "60"})
    print(ask("/latest/meta-data/instance-id", "GET", **{"": token}))
except OSError as error:
    sys.exit(str(error))
PYTHON
)sh";

asio::awaitable<Result<ssh::ExitStatus>> ask(NodeRun run) {
  auto command = "exec sh -c " + quote_word(kScript);
  auto said = co_await capture(run.session, std::move(command), run.limit);
  if (!said) co_return std::unexpected(said.error());
  const auto id = trim(said->out);
  if (!said->status.ok() || id.empty()) {
    co_return fail(ErrorKind::remote_io,
                   "its metadata service gives no instance id; is it an EC2 instance, with IMDS on?");
  }
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
