#include "ec2mpi/ops/setup.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "src/ops/barrier.hpp"
#include "src/ops/root_command.hpp"
#include "src/ops/trust_files.hpp"

namespace ec2mpi::ops {

namespace {

bool is_of_root(const TrustText& text) {
  return text.place == TrustText::Place::root_block;
}

/// One setup, from the first connection to the last. Lives as long as set_up.
class Setup : public Observer {
 public:
  Setup(const asio::any_io_executor& executor, SetupWish wish, std::size_t count,
        const ssh::HostKeys& host_keys, SetupObserver& observer)
      : wish_(std::move(wish)), host_keys_(host_keys), observer_(observer), all_asked_(executor, count) {}

  asio::awaitable<SetupEnd> run(std::vector<Node> nodes, ssh::Connector& connector, FleetOptions options,
                                std::stop_token stop) {
    options.fanout = 0;  // all meet once in the middle
    NodeTask task = [this](NodeRun turn) { return attend(turn); };
    end_.report =
        co_await run_on_nodes(std::move(nodes), connector, std::move(task), options, *this, std::move(stop));
    co_return std::move(end_);
  }

  void on_phase(const Node& node, ssh::Phase phase) override { observer_.on_phase(node, phase); }
  void on_finish(const NodeResult& result) override {
    observer_.on_finish(result);
    all_asked_.drop();
  }

 private:
  // --- one node

  asio::awaitable<Result<ssh::ExitStatus>> attend(NodeRun turn) {
    auto said = co_await survey(turn.session, turn.limit);
    if (!said) co_return std::unexpected(said.error());
    auto peer = make_peer(turn.node, *said, host_keys_.known(turn.node));
    if (!peer) co_return std::unexpected(peer.error());
    present_.emplace(turn.node.index, std::move(*peer));
    observer_.on_doing(turn.node, "waiting for the others");
    const Wake wake = co_await all_asked_.arrive_and_wait(turn.limit);
    if (wake != Wake::notified) co_return wake_error(wake, "the others did not answer in time");
    settle_once();
    observer_.on_doing(turn.node, "");
    auto trusted = co_await give_trust(turn, *said);
    const bool go_on = trusted || trusted.error().kind == ErrorKind::remote_io;
    if (go_on && wish_.packages) {
      auto installed = co_await give_packages(turn, *said);
      if (!installed && !trusted) trusted.error().message += "; and " + installed.error().message;
      if (!installed && trusted) trusted = std::move(installed);
    }
    if (!trusted) co_return std::unexpected(trusted.error());
    co_return ssh::ExitStatus{};
  }

  asio::awaitable<Result<void>> give_trust(NodeRun& turn, const Survey& said) {
    if (refused_) co_return std::unexpected(*refused_);
    if (const auto reason = members_.refused.find(turn.node.index); reason != members_.refused.end()) {
      std::string claim = reason->second;
      co_return fail(ErrorKind::remote_io, std::move(claim));
    }
    auto missing = missing_texts(texts_, said.states);
    if (!missing) co_return std::unexpected(missing.error());
    auto& done = end_.done[turn.node.index];
    const auto of_root = std::find_if(missing->begin(), missing->end(), is_of_root);
    std::optional<TrustText> hosts;
    if (of_root != missing->end()) {
      hosts = std::move(*of_root);
      missing->erase(of_root);
    }
    if (hosts && !can_be_root(said.root, wish_.password)) {
      done.notes.push_back(
          said.root == RootAccess::password
              ? "/etc/hosts is not written: sudo wants a password, and --sudo asks for it; ssh "
                "knows the names all the same"
              : "/etc/hosts is not written: there is no sudo; ssh knows the names all the same");
      hosts.reset();
    }
    if (!wish_.dry_run && !missing->empty()) {
      observer_.on_doing(turn.node, "writing keys");
      NodeRun here = turn;
      auto written = co_await write_texts(std::move(here), *missing);
      if (!written) co_return written;
    }
    done.texts = std::move(*missing);
    if (!hosts) co_return Result<void>{};
    if (!wish_.dry_run) {
      observer_.on_doing(turn.node, "writing names");
      NodeRun here = turn;
      auto written = co_await write_hosts(std::move(here), said.root, wish_.password, hosts->text);
      if (!written) co_return written;
    }
    done.texts.push_back(std::move(*hosts));
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> give_packages(NodeRun& turn, const Survey& said) {
    const auto plan = plan_packages(said, wish_.mpi);
    if (!plan) co_return std::unexpected(plan.error());
    if (plan->empty()) co_return Result<void>{};
    auto names = plan->names();
    if (!can_be_root(said.root, wish_.password)) {
      auto reason = fmt::format("to install {} takes root; {}", join(names, " "),
                                said.root == RootAccess::password ? "use --sudo" : "there is no sudo");
      co_return fail(ErrorKind::remote_io, std::move(reason));
    }
    if (!wish_.dry_run) {
      NodeRun here = turn;
      auto installed = co_await install(std::move(here), said.root, *plan);
      if (!installed) co_return installed;
    }
    end_.done[turn.node.index].packages = std::move(names);
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> install(NodeRun turn, RootAccess access, PackagePlan plan) {
    observer_.on_doing(turn.node, "installing packages");
    RootScript script{.text = kInstallScript, .arguments = install_arguments(plan)};
    script.on_line = [this, &node = turn.node](std::string_view line) {
      if (line.starts_with("doing ")) observer_.on_doing(node, printable(line.substr(6)));
    };
    NodeRun here = turn;
    auto installed = co_await run_as_root(std::move(here), access, wish_.password, std::move(script));
    if (!installed) {
      auto error = installed.error();
      if (error.kind == ErrorKind::cancelled || error.kind == ErrorKind::timeout)
        error.message += "; the installation goes on on the node, and the next setup waits for it";
      co_return std::unexpected(std::move(error));
    }
    auto now = co_await survey(turn.session, turn.limit);
    if (!now) co_return std::unexpected(now.error());
    const auto rest = plan_packages(*now, wish_.mpi);
    if (!rest) co_return std::unexpected(rest.error());
    if (!rest->empty()) {
      auto reason = fmt::format("installed, but still not found: {}", join(rest->names(), " "));
      co_return fail(ErrorKind::remote_io, std::move(reason));
    }
    co_return Result<void>{};
  }

  // --- all nodes

  /// Everybody has answered or failed: who belongs together?
  void settle_once() {
    if (std::exchange(is_settled_, true)) return;
    if (auto settled = settle(); !settled) refused_ = settled.error();
  }

  Result<void> settle() {
    std::vector<Peer> present;
    for (const auto& [index, peer] : present_) present.push_back(peer);
    members_ = settle_membership(std::move(present), wish_.memory.peers, wish_.indices);
    end_.left = members_.left;
    end_.peers = members_.peers.size();
    auto& pair = wish_.memory.pair;
    end_.new_pair = !pair || (wish_.whole_list && !members_.left.empty());
    if (end_.new_pair) {
      auto made = wish_.dry_run ? ssh::KeyPair{"", "ssh-ed25519 (made by setup)"} : ssh::make_key_pair();
      if (!made) return std::unexpected(made.error());
      pair = std::move(*made);
    }
    texts_ = trust_texts(members_.peers, *pair);
    if (wish_.dry_run || !wish_.keep) return {};
    SetupMemory now{.peers = members_.peers, .pair = pair};
    if (!wish_.whole_list) now.peers.insert(now.peers.end(), members_.left.begin(), members_.left.end());
    return wish_.keep(now);
  }

  SetupWish wish_;
  const ssh::HostKeys& host_keys_;
  SetupObserver& observer_;
  Barrier all_asked_;
  std::map<int, Peer> present_;
  bool is_settled_ = false;
  std::optional<Error> refused_;
  Membership members_;
  std::vector<TrustText> texts_;
  SetupEnd end_;
};

asio::awaitable<SetupEnd> conduct(std::unique_ptr<Setup> setup, std::vector<Node> nodes,
                                  ssh::Connector& connector, FleetOptions options, std::stop_token stop) {
  auto end = co_await setup->run(std::move(nodes), connector, options, std::move(stop));
  co_return end;
}

// --- undo

std::unexpected<Error> no_root_to_undo() {
  return fail(ErrorKind::remote_io, "to restore /etc/hosts takes root; use --sudo; nothing was taken away");
}

asio::awaitable<Result<ssh::ExitStatus>> undo(NodeRun run, bool dry_run, PasswordSource password,
                                              std::map<int, std::vector<std::string>>& restored) {
  auto said = co_await survey(run.session, run.limit);
  if (!said) co_return std::unexpected(said.error());
  std::vector<std::string> paths;
  bool of_root = false;
  for (const auto& text : trust_texts({}, {})) {
    const auto state = said->states.find(text.name);
    if (state == said->states.end() || state->second == kAbsent) continue;
    if (is_of_root(text)) of_root = true;
    paths.push_back(text.path);
  }
  if (of_root && !can_be_root(said->root, password)) co_return no_root_to_undo();
  if (!dry_run) {
    NodeRun here = run;
    auto done = co_await take_texts(std::move(here));
    if (!done) co_return std::unexpected(done.error());
  }
  if (!dry_run && of_root) {
    NodeRun here = run;
    auto done = co_await take_hosts(std::move(here), said->root, std::move(password));
    if (!done) co_return std::unexpected(done.error());
  }
  restored[run.node.index] = std::move(paths);
  co_return ssh::ExitStatus{};
}

}  // namespace

asio::awaitable<SetupEnd> set_up(const asio::any_io_executor& executor, SetupWish wish,
                                 std::vector<Node> nodes, ssh::Connector& connector,
                                 const ssh::HostKeys& host_keys, FleetOptions options,
                                 SetupObserver& observer, std::stop_token stop) {
  auto setup = std::make_unique<Setup>(executor, std::move(wish), nodes.size(), host_keys, observer);
  return conduct(std::move(setup), std::move(nodes), connector, options, std::move(stop));
}

NodeTask undo_task(bool dry_run, PasswordSource password, std::map<int, std::vector<std::string>>& restored) {
  return [dry_run, password = std::move(password), &restored](NodeRun run) {
    return undo(std::move(run), dry_run, password, restored);
  };
}

}  // namespace ec2mpi::ops
