#include "ec2mpi/ops/setup/undo.hpp"

#include <fmt/format.h>
#include <set>

#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/exec/root_command.hpp"
#include "src/ops/setup/joint_work.hpp"
#include "src/ops/setup/sharing.hpp"
#include "src/ops/setup/trust_files.hpp"

namespace ec2mpi::ops {

namespace {

/// The texts to take away; `of_root` if that takes root.
struct Found {
  std::vector<std::string> paths;
  bool of_root = false;
};

Found find_texts(const SetupState& state) {
  Found found;
  // Without members and key: only names and paths count here.
  for (const auto& text : trust_texts({}, {})) {
    const auto written = state.states.find(text.name);
    if (written == state.states.end() || written->second == kAbsent) continue;
    found.of_root = found.of_root || is_of_root(text);
    found.paths.push_back(text.path);
  }
  return found;
}

/// The paths of the texts that were taken away, in the order of writing.
std::vector<std::string> taken_paths(const std::set<std::string>& done) {
  std::vector<std::string> paths;
  for (const auto& text : trust_texts({}, {})) {
    if (done.contains(text.name)) paths.push_back(text.path);
  }
  return paths;
}

/// One undo on all nodes.
class Undo : public JointWork {
 public:
  Undo(const SetupNodes& nodes, UndoRequest request, Observer& observer)
      : JointWork(nodes, observer), request_(std::move(request)) {}

  asio::awaitable<UndoEnd> run(SetupNodes nodes) {
    end_.report = co_await run_on_all(std::move(nodes));
    co_return std::move(end_);
  }

 private:
  asio::awaitable<Result<ssh::ExitStatus>> work_on(NodeRun run, const SetupState& state) override {
    const int index = run.node.index;
    const auto found = find_texts(state);
    // Before the first change: a node that is half restored would be harder to explain.
    if (found.of_root && !can_be_root(state.root, request_.password)) {
      co_return fail(
          ErrorKind::remote_io,
          fmt::format("to restore /etc/hosts takes root; {}; nothing was taken away", why_not_root(state)));
    }
    CO_TRY(co_await wait_for_all(run));
    const bool is_writer = writer_for(index, states_) == index;
    Result<void> taken;
    if (is_writer) taken = co_await take(run, found, state.root);
    if (!taken) co_return std::unexpected(taken.error());
    CO_TRY(co_await wait_for_all(run));
    if (!is_writer) taken = co_await take(run, found, state.root);
    if (!taken) co_return std::unexpected(taken.error());
    co_return ssh::ExitStatus{};
  }

  /// Nodes that share a home: one of them takes the texts away, and the others find nothing afterwards.
  asio::awaitable<Result<void>> take(NodeRun& run, const Found& found, RootAccess access) {
    const int index = run.node.index;
    // In a dry run, the texts that were found are the answer.
    end_.restored[index].paths = found.paths;
    if (request_.dry_run) co_return Result<void>{};
    NodeRun here = run;
    auto taken = co_await take_texts(std::move(here));
    if (!taken) co_return forget(index, taken.error());
    auto names = std::move(taken->done);
    if (found.of_root) {
      NodeRun again = run;
      auto hosts = co_await take_hosts(std::move(again), access, request_.password);
      if (!hosts) co_return forget(index, hosts.error());
      names.merge(hosts->done);
    }
    note_taken(index, found, names);
    co_return Result<void>{};
  }

  void note_taken(int index, const Found& found, const std::set<std::string>& names) {
    auto& restored = end_.restored[index];
    restored.paths = taken_paths(names);
    const std::size_t hosts = names.contains("hosts") ? 1 : 0;
    const bool was_there = found.paths.size() > (found.of_root ? 1 : 0);
    const int writer = writer_for(index, states_);
    if (was_there && writer != index && restored.paths.size() <= hosts)
      restored.shares = sharing_text(writer, index, states_);
  }

  /// A node that failed reports its error instead of a list of restored files.
  std::unexpected<Error> forget(int index, Error error) {
    end_.restored.erase(index);
    return std::unexpected(std::move(error));
  }

  UndoRequest request_;
  UndoEnd end_;
};

}  // namespace

asio::awaitable<UndoEnd> undo_setup(SetupNodes nodes, UndoRequest request, Observer& observer) {
  Undo undo(nodes, std::move(request), observer);
  auto end = co_await undo.run(std::move(nodes));
  co_return end;
}

}  // namespace ec2mpi::ops
