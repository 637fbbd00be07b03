#include "ec2mpi/ops/push.hpp"

#include <unistd.h>
#include <algorithm>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include "ec2mpi/base/sha256.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/remote_path.hpp"
#include "src/ops/further.hpp"
#include "src/ops/push_delivery.hpp"

namespace ec2mpi::ops {

namespace {

std::string key_of(const PushPlan& plan) {
  std::string sources;
  for (const auto& top : plan.tree->tops) {
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
  if (!done) status = std::unexpected(done.error());
  co_return status;
}

}  // namespace

Push::Push(PushPlan plan) : plan_(std::move(plan)), key_(key_of(plan_)) {}

const std::string& Push::sum_of(const SourceItem& item) {
  auto& sum = sums_[&item];
  if (!sum.empty()) return sum;
  sum = "unreadable";
  const auto file = open_item(tree(), item);
  if (!file) return sum;
  Sha256 hash;
  std::string block(1024 * 1024, '\0');
  for (;;) {
    const auto got = ::read(file->get(), block.data(), block.size());
    if (got < 0) return sum;
    if (got == 0) break;
    hash.add(std::string_view(block).substr(0, static_cast<std::size_t>(got)));
  }
  sum = hash.finish();
  return sum;
}

asio::awaitable<std::string> Push::sum_of_beginning(std::size_t number, std::uint64_t bytes) {
  const std::pair<std::size_t, std::uint64_t> key{number, bytes};
  const auto known = beginnings_.find(key);
  if (known != beginnings_.end()) co_return known->second;
  std::string sum = "unreadable";
  const auto executor = co_await asio::this_coro::executor;
  const auto file = open_item(tree(), tree().items[number]);
  Sha256 hash;
  std::string block(4 * 1024 * 1024, '\0');
  while (file && bytes > 0) {
    const auto got = ::read(file->get(), block.data(), std::min<std::uint64_t>(block.size(), bytes));
    if (got <= 0) break;
    bytes -= static_cast<std::uint64_t>(got);
    hash.add(std::string_view(block).substr(0, static_cast<std::size_t>(got)));
    co_await asio::post(executor, asio::use_awaitable);
  }
  if (bytes == 0) sum = hash.finish();
  beginnings_[key] = sum;
  co_return sum;
}

void Push::note_need(const PushNeed& need, bool first) {
  if (!first) return;
  for (const auto number : need.items) {
    if (tree().items[number].type == TarType::file) lacked_.insert(number);
  }
  count().files = lacked_.size();
  count().unchanged = tree().files - lacked_.size();
  count().erased += need.erase.size();
}

std::shared_ptr<Relay> Push::relay(const asio::any_io_executor& executor) {
  if (!relay_) relay_ = std::make_shared<Relay>(executor, plan_.tree, plan_.nodes, plan_.compress, began_);
  return relay_;
}

std::size_t Push::take_lanes() {
  const auto lanes = std::min(lanes_left_, kConnectionsToNode - 1);
  lanes_left_ -= lanes;
  return lanes;
}

std::string push_complaint(std::string_view err, const SourceTree& tree) {
  for (const auto line : split(err, '\n')) {
    if (line.starts_with(kPushMark)) return readable(line.substr(kPushMark.size()), tree);
  }
  return {};
}

Result<PushTarget> push_target(std::string_view typed, std::size_t sources) {
  auto path = remote_path(typed);
  if (!path) return std::unexpected(path.error());
  PushTarget target{.path = std::move(*path), .folder = sources > 1 || typed.ends_with('/')};
  while (target.path.size() > 1 && target.path.ends_with('/')) target.path.pop_back();
  return target;
}

NodeTask push_task(PushPlan plan) {
  const auto push = std::make_shared<Push>(std::move(plan));
  return [push](NodeRun run) { return deliver(std::move(run), push); };
}

}  // namespace ec2mpi::ops
