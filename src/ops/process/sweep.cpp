#include "ec2mpi/ops/process/sweep.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/mpi/command.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "src/ops/process/programs.hpp"

namespace ec2mpi::ops {

namespace {

asio::awaitable<Result<ssh::ExitStatus>> sweep_node(NodeRun run, std::string id, int master,
                                                    std::map<int, Swept>& found) {
  // The launchers run on the master only.
  if (run.node.index == master) {
    CO_TRY_AS(ended, co_await end_launchers(run.session, id, run.limit));
  }
  CO_TRY_AS(swept, co_await sweep(run.session, id, run.limit));
  found[run.node.index] = std::move(*swept);
  co_return ssh::ExitStatus{};
}

}  // namespace

std::string sweep_functions() {
  return fmt::format("mark={}=$id\n", kJobMark) + find_marked_functions();
}

std::string end_launchers_text() {
  return std::string(kEndLaunchersSh);
}

std::string sweep_program() {
  auto text = set_variables({{"grace", "0"}, {"siblings", ""}}) + "spared=$*\n";
  return text.append(kCollectUsageSh).append(kEndMarkedSh);
}

std::string sweep_script() {
  return "{\n" + sweep_functions() + sweep_program() + "}\n";
}

asio::awaitable<Result<void>> end_launchers(ssh::Session& session, std::string id, Limit limit) {
  // end_launchers.sh answers nothing.
  auto text = set_variables({{"id", id}, {"child", ""}}) + sweep_functions() + end_launchers_text();
  CO_TRY_AS(answer, co_await capture(session, std::move(text), limit));
  co_return Result<void>{};
}

asio::awaitable<Result<Swept>> sweep(ssh::Session& session, std::string id, Limit limit) {
  auto text = set_variables({{"id", id}}) + sweep_script();
  CO_TRY_AS(answer, co_await capture(session, std::move(text), limit));
  co_return parse_swept(answer->out);
}

NodeTask sweep_task(std::string id, int master, std::map<int, Swept>& found) {
  return [id = std::move(id), master, &found](NodeRun run) { return sweep_node(run, id, master, found); };
}

}  // namespace ec2mpi::ops
