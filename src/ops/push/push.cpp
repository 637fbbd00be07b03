#include "ec2mpi/ops/push/push.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <asio/this_coro.hpp>

#include "ec2mpi/base/sha256.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/extra_session.hpp"
#include "ec2mpi/ops/node/remote_path.hpp"
#include "src/ops/push/delivery.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::size_t kMostLanes = 9;

std::string key_of(const SourceTree& tree) {
  std::string sources;
  for (const auto& top : tree.tops) {
    std::error_code failed;
    sources +=
        std::filesystem::absolute(top.path, failed).lexically_normal().string() + '\0' + top.name + '\0';
  }
  return sha256(sources).substr(0, 16);
}

/// Tool's name off: "tar: 0/x: Cannot open: ..." begins with the number of a source.
std::string readable(std::string_view line, const SourceTree& tree) {
  for (const auto tool : {"tar: ", "mv: ", "mkdir: ", "sh: ", "chmod: ", "touch: ", "rm: "}) {
    if (line.starts_with(tool)) line.remove_prefix(std::string_view(tool).size());
  }
  const auto end = line.find_first_not_of("0123456789");
  const auto number = parse_number(line.substr(0, end));
  const bool member = end != std::string_view::npos && (line[end] == '/' || line[end] == ':');
  if (!number || !member || *number >= tree.tops.size()) return printable(line);
  return printable(tree.tops[*number].path.string()) + printable(line.substr(end));
}

asio::awaitable<Result<ssh::ExitStatus>> deliver(NodeRun run, std::shared_ptr<Push> push) {
  const auto executor = co_await asio::this_coro::executor;
  Delivery delivery(run, *push, executor);
  auto done = co_await delivery.carry_out();
  Result<ssh::ExitStatus> status;
  if (done)
    push->count().in_place = true;
  else
    status = std::unexpected(done.error());
  co_return status;
}

}  // namespace

Push::Push(std::shared_ptr<const PushPlan> plan, const PushGroup& group, std::shared_ptr<std::size_t> lanes)
    : plan_(std::move(plan)),
      tree_(group.tree),
      nodes_(group.nodes.size()),
      key_(key_of(*tree_)),
      sums_(tree_),
      lanes_left_(std::move(lanes)) {}

void Push::note_need(const PushNeed& need, bool first) {
  if (!first) return;
  for (const auto number : need.items) {
    const auto& item = tree().items[number];
    if (item.type == TarType::file && lacked_.insert(number).second)
      count().lacked.insert(tree().path_of(item).string());
  }
  count().files = count().lacked.size();
  count().unchanged = count().all_files - count().files;
  count().erased += need.erase.size();
}

std::shared_ptr<Relay> Push::relay(const asio::any_io_executor& executor) {
  if (!relay_) relay_ = std::make_shared<Relay>(executor, tree_, nodes_, plan_->compress, began_);
  return relay_;
}

std::size_t Push::take_lanes() {
  const auto lanes = std::min(*lanes_left_, kConnectionsToNode - 1);
  *lanes_left_ -= lanes;
  return lanes;
}

std::string push_complaint(std::string_view err, const SourceTree& tree) {
  for (const auto line : split(err, '\n')) {
    if (line.starts_with(kPushMark)) return readable(line.substr(kPushMark.size()), tree);
  }
  return {};
}

Result<PushTarget> push_target(std::string_view typed, std::size_t sources) {
  TRY_AS(path, remote_path(typed));
  PushTarget target{.path = std::move(*path), .folder = sources > 1 || typed.ends_with('/')};
  while (target.path.size() > 1 && target.path.ends_with('/')) target.path.pop_back();
  return target;
}

bool cleans_up_home(const PushTarget& target, const SourceTree& tree) {
  const bool content = std::any_of(tree.tops.begin(), tree.tops.end(),
                                   [](const SourceTop& top) { return top.directory && top.name.empty(); });
  if (!content) return false;
  auto path = std::filesystem::path(target.path).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  return path.empty() || path == "." || path == "/" || path.filename() == "..";
}

std::string home_refusal(std::string_view folder) {
  return fmt::format(
      "--delete is refused in {}: it is the home of the login, holds it, or is part of its .ssh or "
      ".ec2mpi; nothing was changed. Push into a folder below the home, or use --force-delete "
      "(.ssh and .ec2mpi stay)",
      printable(folder));
}

NodeTask push_task(PushPlan plan) {
  const auto shared = std::make_shared<const PushPlan>(std::move(plan));
  shared->count->all_files = count_files(shared->groups);
  const auto lanes = std::make_shared<std::size_t>(kMostLanes);
  std::map<int, std::shared_ptr<Push>> pushes;  // by node
  for (const auto& group : shared->groups) {
    const auto push = std::make_shared<Push>(shared, group, lanes);
    for (const auto index : group.nodes) pushes.emplace(index, push);
  }
  return [pushes = std::move(pushes)](NodeRun run) {
    const auto push = pushes.at(run.node.index);
    return deliver(std::move(run), push);
  };
}

}  // namespace ec2mpi::ops
