#include "tests/support/fake_transport.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ec2mpi::test {

namespace {

constexpr std::size_t kBlock = 32 * 1024;

/// What a program prints when it begins, according to its text: "printf %s%s A B", or "printf %s%s%s: A B
/// WORD" (the word is empty here).
std::string begin_mark_in(std::string_view command) {
  for (const std::string_view print : {"printf %s%s ", "printf %s%s%s: "}) {
    const auto at = command.find(print);
    if (at == std::string_view::npos) continue;
    const auto words = command.substr(at + print.size());
    const auto gap = words.find(' ');
    const auto second = words.substr(gap + 1);
    auto mark = std::string(words.substr(0, gap)).append(second.substr(0, second.find(' ')));
    return print.ends_with(": ") ? mark + ":" : mark;
  }
  return {};
}

/// Counts something while it lives.
class Counted {
 public:
  Counted(std::shared_ptr<Sightings> seen, std::size_t Sightings::*now,
          std::size_t Sightings::*most = nullptr)
      : seen_(std::move(seen)), now_(now) {
    const auto count = ++((*seen_).*now_);
    if (most != nullptr) (*seen_).*most = std::max((*seen_).*most, count);
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --((*seen_).*now_); }

 private:
  std::shared_ptr<Sightings> seen_;
  std::size_t Sightings::*now_;
};

class FakeChannel : public ssh::Channel {
 public:
  FakeChannel(asio::any_io_executor executor, FakeNode node, int index, std::shared_ptr<Sightings> seen)
      : alive_(seen, &Sightings::channels),
        seen_(std::move(seen)),
        node_(std::move(node)),
        index_(index),
        changed_(std::move(executor)),
        ends_(Clock::now() + node_.runs_for) {}

  ssh::awaitable<Result<std::optional<ssh::Chunk>>> receive(Limit limit) override {
    ++seen_->reads;
    if (const auto chunk = next_chunk()) co_return chunk;
    const auto rest = ends_ - Clock::now();
    if (rest > Clock::duration::zero()) {
      const Wake wake = co_await sleep_for(rest, limit);
      if (wake == Wake::stopped || Clock::now() >= limit.deadline) co_return wake_error(wake, kLate);
    }
    if (node_.end == FakeNode::End::cut) co_return fail(ErrorKind::unreachable, "connection lost");
    while (node_.end == FakeNode::End::never && !ended_) {
      const Wake wake = co_await changed_.wait(limit);
      if (wake != Wake::notified) co_return wake_error(wake, kLate);
      if (const auto chunk = next_chunk()) co_return chunk;
    }
    co_return std::nullopt;
  }

  Result<ssh::ExitStatus> exit_status() const override {
    if (ended_) return *ended_;
    if (node_.end == FakeNode::End::no_status) return fail(ErrorKind::protocol, "no word about its end");
    return node_.status;
  }

  ssh::awaitable<Result<void>> send(std::string_view bytes, Limit) override {
    seen_->input[index_] += bytes;
    if (node_.on_input) node_.on_input(node_, bytes);
    changed_.notify_all();
    co_return Result<void>{};
  }

  void close_input() override {}
  void resize(int, int) override {}

  void signal(const std::string& name) override {
    seen_->signals[index_].push_back(name);
    if (!node_.obeys_signals) return;
    ended_ = ssh::ExitStatus{0, name};
    changed_.notify_all();
  }

 private:
  static constexpr const char* kLate = "the command did not end in time";

  std::optional<ssh::Chunk> next_chunk() {
    const auto all_of = [this](std::string& text, ssh::Stream stream) {
      block_ = std::exchange(text, {});
      return ssh::Chunk{stream, block_};
    };
    if (!node_.out.empty()) return all_of(node_.out, ssh::Stream::out);
    if (!node_.err.empty()) return all_of(node_.err, ssh::Stream::err);
    if (!node_.late.empty()) return all_of(node_.late, ssh::Stream::out);
    if (node_.flood == 0) return std::nullopt;
    block_.assign(std::min<std::uint64_t>(node_.flood, kBlock), 'x');
    node_.flood -= block_.size();
    return ssh::Chunk{ssh::Stream::out, block_};
  }

  Counted alive_;
  std::shared_ptr<Sightings> seen_;
  FakeNode node_;
  int index_;
  Event changed_;
  Clock::time_point ends_;
  std::optional<ssh::ExitStatus> ended_;
  std::string block_;
};

class FakeSession : public ssh::Session {
 public:
  FakeSession(asio::any_io_executor executor, FakeNode node, int index, std::shared_ptr<Sightings> seen)
      : alive_(seen, &Sightings::sessions, &Sightings::most_sessions),
        executor_(std::move(executor)),
        node_(std::move(node)),
        index_(index),
        seen_(std::move(seen)) {}

  ssh::awaitable<Result<std::unique_ptr<ssh::Channel>>> start(ssh::Request request, Limit limit) override {
    const bool first = seen_->commands.emplace(index_, request.command).second;
    const FakeNode looking{.out = node_.found};  // a second command can only be the look after the end
    auto behaviour = node_.program ? node_.program(request.command) : first ? node_ : looking;
    if (!behaviour.opens_channel) {
      Event never(executor_);
      const Wake wake = co_await never.wait(limit);
      co_return wake_error(wake, "the node did not start the command");
    }
    if (const auto mark = begin_mark_in(request.command); !mark.empty()) {
      behaviour.out.insert(0, mark);
      if (!behaviour.err.empty() || behaviour.on_input) behaviour.err.insert(0, "\x1f" + mark);
    }
    co_return std::make_unique<FakeChannel>(executor_, std::move(behaviour), index_, seen_);
  }

  ssh::awaitable<Result<std::unique_ptr<ssh::Channel>>> forward(std::string, std::uint16_t, Limit) override {
    co_return fail(ErrorKind::protocol, "a fake node forwards nothing");
  }

 private:
  Counted alive_;
  asio::any_io_executor executor_;
  FakeNode node_;
  int index_;
  std::shared_ptr<Sightings> seen_;
};

}  // namespace

ssh::awaitable<Result<std::unique_ptr<ssh::Session>>> FakeConnector::connect(const Node& node, Limit limit,
                                                                             ssh::PhaseObserver on_phase) {
  const auto found = nodes_.find(node.index);
  const FakeNode behaviour = found == nodes_.end() ? FakeNode() : found->second;
  seen_->connected.push_back(node.index);
  const Counted at_door(seen_, &Sightings::at_door, &Sightings::most_at_door);
  on_phase(ssh::Phase::connecting);
  if (behaviour.door == FakeNode::Door::hangs) {
    Event never(executor_);
    const Wake wake = co_await never.wait(limit);
    co_return wake_error(wake, "no answer");
  }
  if (behaviour.door_opens_after > Clock::duration::zero()) {
    const Wake wake = co_await sleep_for(behaviour.door_opens_after, limit);
    if (wake == Wake::stopped || Clock::now() >= limit.deadline) co_return wake_error(wake, "no answer");
  }
  if (behaviour.door == FakeNode::Door::refuses) {
    co_return fail(ErrorKind::unreachable, "connection refused");
  }
  co_return std::make_unique<FakeSession>(executor_, behaviour, node.index, seen_);
}

std::vector<Node> fake_nodes(int count) {
  std::vector<Node> nodes;
  for (int index = 1; index <= count; ++index) {
    Node node;
    node.index = index;
    node.instance_id = fmt::format("i-{:017x}", index);
    node.address = fmt::format("203.0.{}.{}", index / 250, index % 250 + 1);
    nodes.push_back(node);
  }
  return nodes;
}

}  // namespace ec2mpi::test
