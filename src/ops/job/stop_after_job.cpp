#include "ec2mpi/ops/job/stop_after_job.hpp"

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "ec2mpi/ops/node/root_access.hpp"
#include "src/ops/job/programs.hpp"

namespace ec2mpi::ops {

asio::awaitable<Result<void>> stop_nodes_after_job(ssh::Session& session, std::string id,
                                                   std::vector<std::string> addresses, Limit limit) {
  auto program = set_variables({{"id", id}, {"addresses", join(addresses, " ")}}) +
                 std::string(sudo_words_text()).append(kStopAfterJobSh);
  CO_TRY_AS(done, co_await capture(session, std::move(program), limit));
  if (done->status.ok()) co_return Result<void>{};
  const std::string said(trim(done->err));
  co_return fail(ErrorKind::remote_io, said.empty() ? done->status.describe() : printable(said));
}

}  // namespace ec2mpi::ops
