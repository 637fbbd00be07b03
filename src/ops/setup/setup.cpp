#include "ec2mpi/ops/setup/setup.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>
#include <utility>

#include "ec2mpi/base/checksum.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/exec/root_command.hpp"
#include "ec2mpi/ops/node/barrier.hpp"
#include "src/ops/setup/trust_files.hpp"

namespace ec2mpi::ops {

namespace {

bool is_of_root(const TrustText& text) {
  return text.place == TrustText::Place::root_block;
}

// --- homes and machines that several nodes have in common

/// What tells homes apart; empty if the node's answer does not.
std::string home_of(const Survey& said) {
  const auto found = said.states.find("home");
  return found == said.states.end() || found->second.ends_with('.') ? "" : found->second;
}

bool is_one_machine(const Survey& a, const Survey& b) {
  return !a.facts.boot_id.empty() && a.facts.boot_id == b.facts.boot_id;
}

bool have_one_home(const Survey& a, const Survey& b) {
  return !home_of(a).empty() && home_of(a) == home_of(b);
}

using Surveys = std::map<int, Survey>;  ///< by index

/// Who writes for a node, as far as the answers tell: the first node on the same machine or with the same
/// home, maybe itself. Only the order and the words depend on it: each node looks itself whether all is
/// there.
int writer_for(int index, const Surveys& said) {
  for (const auto& [other, answer] : said) {
    if (is_one_machine(answer, said.at(index)) || have_one_home(answer, said.at(index))) return other;
  }
  return index;
}

std::string sharing_words(int writer, int index, const Surveys& said) {
  if (is_one_machine(said.at(writer), said.at(index)))
    return fmt::format("is the same machine as node{}", writer);
  return fmt::format("shares node{}'s home", writer);
}

/// Keeps the texts that were really written.
void keep_done(std::vector<TrustText>& texts, const TrustChange& change) {
  std::erase_if(texts, [&change](const TrustText& text) { return !change.done.contains(text.name); });
}

/// The nodes write one after the other where one must know what another has done.
enum class Turn {
  claimant,  ///< claims the cluster against setups with another key
  writer,
  sharer,  ///< its home or machine is a writer's
};

/// One setup, from the first connection to the last. Lives as long as set_up.
class Setup : public Observer {
 public:
  Setup(const asio::any_io_executor& executor, SetupWish wish, std::size_t count,
        const ssh::HostKeys& host_keys, SetupObserver& observer)
      : wish_(std::move(wish)), host_keys_(host_keys), observer_(observer), together_(executor, count) {}

  asio::awaitable<SetupEnd> run(std::vector<Node> nodes, ssh::Connector& connector, FleetOptions options,
                                std::stop_token stop) {
    options.fanout = 0;  // all meet in the middle
    NodeTask task = [this](NodeRun turn) { return attend(turn); };
    end_.report =
        co_await run_on_nodes(std::move(nodes), connector, std::move(task), options, *this, std::move(stop));
    co_return std::move(end_);
  }

  void on_phase(const Node& node, ssh::Phase phase) override { observer_.on_phase(node, phase); }
  void on_finish(const NodeResult& result) override {
    observer_.on_finish(result);
    together_.drop();
  }

 private:
  // --- one node

  asio::awaitable<Result<ssh::ExitStatus>> attend(NodeRun turn) {
    CO_TRY_AS(said, co_await survey(turn.session, turn.limit));
    CO_TRY_AS(peer, make_peer(turn.node, *said, host_keys_.known(turn.node)));
    peers_.emplace(turn.node.index, std::move(*peer));
    const auto& mine = said_.emplace(turn.node.index, std::move(*said)).first->second;
    CO_TRY(co_await meet(turn));
    settle_once();
    auto trusted = co_await give_trust_in_turn(turn, mine);
    if (!trusted && trusted.error().kind != ErrorKind::remote_io) co_return std::unexpected(trusted.error());
    if (trusted && !wish_.dry_run) trusted = co_await prove(turn);
    CO_TRY(co_await meet(turn));
    if (trusted && refused_logins_.contains(turn.node.index)) trusted = co_await explain_refusal(turn, mine);
    if (wish_.packages && !refused_) {
      auto installed = co_await give_packages(turn, mine);
      if (!installed && !trusted) trusted.error().message += "; and " + installed.error().message;
      if (!installed && trusted) trusted = std::move(installed);
    }
    if (!trusted) co_return std::unexpected(trusted.error());
    co_return ssh::ExitStatus{};
  }

  /// Waits until all nodes that have not failed are as far.
  asio::awaitable<Result<void>> meet(NodeRun& turn) {
    observer_.on_doing(turn.node, "waiting for the others");
    const Wake wake = co_await together_.arrive_and_wait(turn.limit);
    observer_.on_doing(turn.node, "");
    if (wake != Wake::notified) co_return wake_error(wake, "the others did not answer in time");
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> give_trust_in_turn(NodeRun& turn, const Survey& said) {
    Result<void> trusted;
    for (const Turn now : {Turn::claimant, Turn::writer, Turn::sharer}) {
      if (turn_of(turn.node.index) == now) trusted = co_await give_trust(turn, said);
      if (!trusted && trusted.error().kind != ErrorKind::remote_io) co_return trusted;
      if (trusted && now == Turn::sharer) trusted_.insert(turn.node.index);
      if (auto met = co_await meet(turn); !met) co_return met;
    }
    co_return trusted;
  }

  asio::awaitable<Result<void>> give_trust(NodeRun& turn, const Survey& said) {
    const int index = turn.node.index;
    if (refused_) co_return std::unexpected(*refused_);
    if (const auto reason = members_.refused.find(index); reason != members_.refused.end()) {
      std::string claim = reason->second;
      co_return fail(ErrorKind::remote_io, std::move(claim));
    }
    CO_TRY_AS(missing, missing_texts(texts_, said.states));
    auto& done = end_.done[index];
    note_name(peers_.at(index), done);
    const auto of_root = std::find_if(missing->begin(), missing->end(), is_of_root);
    std::optional<TrustText> hosts;
    if (of_root != missing->end()) {
      hosts = std::move(*of_root);
      missing->erase(of_root);
    }
    auto written = co_await give_texts(turn, std::move(*missing), loose_paths(said.states));
    if (!written) co_return written;
    if (!hosts) co_return Result<void>{};
    if (can_be_root(said.root, wish_.password)) {
      auto named = co_await give_names(turn, said.root, std::move(*hosts));
      co_return named;
    }
    done.notes.push_back(
        said.root == RootAccess::password
            ? "/etc/hosts is not written: sudo wants a password, and --sudo asks for it; ssh "
              "knows the names all the same"
            : "/etc/hosts is not written: there is no sudo; ssh knows the names all the same");
    co_return Result<void>{};
  }

  static void note_name(const Peer& peer, NodeSetup& done) {
    if (peer.unused_name.empty()) return;
    done.notes.push_back(
        fmt::format("its host name '{}' is left out: the other nodes are told only names that EC2 gives, "
                    "such as ip-10-0-0-11",
                    peer.unused_name));
  }

  asio::awaitable<Result<void>> give_texts(NodeRun& turn, std::vector<TrustText> missing,
                                           std::vector<std::string> loose) {
    const int index = turn.node.index;
    const std::string claim = index == claimant_ ? claim_ : "";
    auto& done = end_.done[index];
    if (!wish_.dry_run && !(missing.empty() && loose.empty() && claim.empty())) {
      observer_.on_doing(turn.node, "writing keys");
      NodeRun here = turn;
      CO_TRY_AS(changed, co_await write_texts(std::move(here), missing, claim));
      if (changed->busy) {
        Error busy{ErrorKind::remote_io, changed->reason};
        if (!claim.empty()) refused_ = busy;
        co_return std::unexpected(std::move(busy));
      }
      const bool was_missing = !missing.empty();
      keep_done(missing, *changed);
      loose = std::move(changed->tightened);
      if (was_missing && missing.empty()) note_sharing(index);
    }
    done.texts = std::move(missing);
    done.tightened = std::move(loose);
    co_return Result<void>{};
  }

  void note_sharing(int index) {
    const int writer = writer_for(index);
    if (writer != index) end_.done[index].shares = sharing_words(writer, index, said_);
  }

  asio::awaitable<Result<void>> give_names(NodeRun& turn, RootAccess access, TrustText hosts) {
    auto& done = end_.done[turn.node.index];
    bool is_done = true;
    if (!wish_.dry_run) {
      observer_.on_doing(turn.node, "writing names");
      NodeRun here = turn;
      CO_TRY_AS(changed, co_await write_hosts(std::move(here), access, wish_.password, hosts.text));
      is_done = changed->done.contains(hosts.name);
    }
    if (is_done) done.texts.push_back(std::move(hosts));
    co_return Result<void>{};
  }

  // --- the proof

  /// The next node that was given trust; 0 for none. One that has claimed the cluster alone takes itself.
  [[nodiscard]] int next_of(int index) const {
    auto next = trusted_.upper_bound(index);
    if (next == trusted_.end()) next = trusted_.begin();
    return *next == index && index != claimant_ ? 0 : *next;
  }

  /// One login from this node to the next, and a look whether what was written is still there: all nodes have
  /// been written by now, so of two setups with different keys at most one finds its own everywhere.
  asio::awaitable<Result<void>> prove(NodeRun& turn) {
    const int index = turn.node.index;
    const int next = next_of(index);
    const std::string claim = index == claimant_ ? claim_ : "";
    if (next == 0 || (next == index && claim.empty())) co_return Result<void>{};
    observer_.on_doing(turn.node, fmt::format("logging in to node{}", next));
    NodeRun here = turn;
    CO_TRY_AS(login, co_await try_login(std::move(here), peers_.at(next).address.text(), claim));
    auto still = still_there(login->states);
    if (!still || login->ok) co_return still;
    if (login->said.find("Permission denied") != std::string::npos) {
      refused_logins_[next] = {index, login->said};
      co_return Result<void>{};
    }
    co_return fail(ErrorKind::remote_io, fmt::format("cannot log in to node{} ({}): {}", next,
                                                     peers_.at(next).address.text(), login->said));
  }

  [[nodiscard]] Result<void> still_there(const std::map<std::string, std::string>& states) const {
    TRY_AS(missing, missing_texts(texts_, states));
    const auto changed = std::find_if_not(missing->begin(), missing->end(), is_of_root);
    if (changed == missing->end()) return {};
    return fail(
        ErrorKind::remote_io,
        fmt::format("another setup or undo has changed {} at the same time; the nodes may not let each other "
                    "in; run setup again when the other one has ended",
                    changed->path));
  }

  /// This node's sshd has refused the key although all files are in place.
  asio::awaitable<Result<void>> explain_refusal(NodeRun& turn, const Survey& said) {
    const auto [from, words] = refused_logins_.at(turn.node.index);
    std::string settings;
    if (said.root == RootAccess::self || said.root == RootAccess::sudo) {
      NodeRun here = turn;
      settings = co_await sshd_settings(std::move(here), said.root, wish_.password, said.user,
                                        peers_.at(from).address.text());
    }
    auto reason = sshd_refusal(settings, said.user, said.facts.home);
    if (reason.empty()) {
      reason = fmt::format(
          "'{}'; see there: sudo sshd -T | grep -Ei 'authorizedkeysfile|pubkeyaccepted|allow|deny', "
          "and sshd's log",
          words);
    }
    co_return fail(
        ErrorKind::remote_io,
        fmt::format("its sshd does not let node{} in, though all files are in place: {}", from, reason));
  }

  // --- packages

  asio::awaitable<Result<void>> give_packages(NodeRun& turn, const Survey& said) {
    CO_TRY_AS(plan, plan_packages(said, wish_.mpi));
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
    CO_TRY_AS(now, co_await survey(turn.session, turn.limit));
    CO_TRY_AS(rest, plan_packages(*now, wish_.mpi));
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
    for (const auto& [index, peer] : peers_) present.push_back(peer);
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
    if (wish_.dry_run) return {};
    settle_claim(pair->public_key);
    if (!wish_.keep) return {};
    SetupMemory now{.peers = members_.peers, .pair = pair};
    if (!wish_.whole_list) now.peers.insert(now.peers.end(), members_.left.begin(), members_.left.end());
    return wish_.keep(now);
  }

  /// The node with the lowest address is the one on which setups of the same nodes meet.
  void settle_claim(const std::string& public_key) {
    std::optional<Ipv4> lowest;
    bool is_needed = false;
    for (const auto& [index, peer] : peers_) {
      if (members_.refused.contains(index)) continue;
      const auto missing = missing_texts(texts_, said_.at(index).states);
      if (!missing) continue;
      is_needed =
          is_needed || std::find_if_not(missing->begin(), missing->end(), is_of_root) != missing->end();
      if (lowest && *lowest <= peer.address) continue;
      lowest = peer.address;
      claimant_ = index;
    }
    if (!is_needed || peers_.size() < 2) {
      claimant_ = 0;
      return;
    }
    claim_ = posix_cksum(public_key);
    std::replace(claim_.begin(), claim_.end(), ' ', '-');
  }

  /// The claimant is the first to write, so it writes for those who have its home.
  [[nodiscard]] int writer_for(int index) const {
    const int writer = ops::writer_for(index, said_);
    const bool is_claimants = claimant_ != 0 && ops::writer_for(claimant_, said_) == writer;
    return is_claimants ? claimant_ : writer;
  }

  [[nodiscard]] Turn turn_of(int index) const {
    if (index == claimant_) return Turn::claimant;
    return writer_for(index) == index ? Turn::writer : Turn::sharer;
  }

  SetupWish wish_;
  const ssh::HostKeys& host_keys_;
  SetupObserver& observer_;
  Barrier together_;
  std::map<int, Peer> peers_;  ///< who has answered, by index
  Surveys said_;               ///< by them
  bool is_settled_ = false;
  std::optional<Error> refused_;  ///< for all
  Membership members_;
  std::vector<TrustText> texts_;
  int claimant_ = 0;   ///< 0 if nothing is to be written
  std::string claim_;  ///< the name of the key pair
  std::set<int> trusted_;
  std::map<int, std::pair<int, std::string>>
      refused_logins_;  ///< by the node whose sshd refused: whom, and what ssh said
  SetupEnd end_;
};

asio::awaitable<SetupEnd> conduct(std::unique_ptr<Setup> setup, std::vector<Node> nodes,
                                  ssh::Connector& connector, FleetOptions options, std::stop_token stop) {
  auto end = co_await setup->run(std::move(nodes), connector, options, std::move(stop));
  co_return end;
}

// --- undo

/// What is there to take away; `of_root` if that takes root.
struct Found {
  std::vector<std::string> paths;
  bool of_root = false;
};

Found find_texts(const Survey& said) {
  Found found;
  for (const auto& text : trust_texts({}, {})) {
    const auto state = said.states.find(text.name);
    if (state == said.states.end() || state->second == kAbsent) continue;
    found.of_root = found.of_root || is_of_root(text);
    found.paths.push_back(text.path);
  }
  return found;
}

/// Paths of what was taken, in the order in which they are written.
std::vector<std::string> taken_paths(const std::set<std::string>& done) {
  std::vector<std::string> paths;
  for (const auto& text : trust_texts({}, {})) {
    if (done.contains(text.name)) paths.push_back(text.path);
  }
  return paths;
}

/// One undo on all nodes. Lives as long as undo_setup.
class Undo : public Observer {
 public:
  Undo(const asio::any_io_executor& executor, bool dry_run, PasswordSource password, std::size_t count,
       Observer& observer)
      : dry_run_(dry_run), password_(std::move(password)), observer_(observer), together_(executor, count) {}

  asio::awaitable<UndoEnd> run(std::vector<Node> nodes, ssh::Connector& connector, FleetOptions options,
                               std::stop_token stop) {
    options.fanout = 0;  // all meet in the middle
    NodeTask task = [this](NodeRun turn) { return attend(turn); };
    end_.report =
        co_await run_on_nodes(std::move(nodes), connector, std::move(task), options, *this, std::move(stop));
    co_return std::move(end_);
  }

  void on_phase(const Node& node, ssh::Phase phase) override { observer_.on_phase(node, phase); }
  void on_finish(const NodeResult& result) override {
    observer_.on_finish(result);
    together_.drop();
  }

 private:
  asio::awaitable<Result<ssh::ExitStatus>> attend(NodeRun turn) {
    CO_TRY_AS(said, co_await survey(turn.session, turn.limit));
    const int index = turn.node.index;
    const auto& mine = said_.emplace(index, std::move(*said)).first->second;
    const auto found = find_texts(mine);
    if (found.of_root && !can_be_root(mine.root, password_)) {
      co_return fail(ErrorKind::remote_io,
                     "to restore /etc/hosts takes root; use --sudo; nothing was taken away");
    }
    CO_TRY(co_await meet(turn));
    const bool is_writer = writer_for(index, said_) == index;
    Result<void> taken;
    if (is_writer) taken = co_await take(turn, found, mine.root);
    if (!taken) co_return std::unexpected(taken.error());
    CO_TRY(co_await meet(turn));
    if (!is_writer) taken = co_await take(turn, found, mine.root);
    if (!taken) co_return std::unexpected(taken.error());
    co_return ssh::ExitStatus{};
  }

  asio::awaitable<Result<void>> meet(NodeRun& turn) {
    const Wake wake = co_await together_.arrive_and_wait(turn.limit);
    if (wake != Wake::notified) co_return wake_error(wake, "the others did not answer in time");
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> take(NodeRun& turn, const Found& found, RootAccess access) {
    const int index = turn.node.index;
    auto& restored = end_.restored[index];
    restored.paths = found.paths;
    if (dry_run_) co_return Result<void>{};
    NodeRun here = turn;
    auto done = co_await take_texts(std::move(here));
    if (!done) co_return forget(index, done.error());
    auto names = std::move(done->done);
    if (found.of_root) {
      NodeRun again = turn;
      auto hosts = co_await take_hosts(std::move(again), access, password_);
      if (!hosts) co_return forget(index, hosts.error());
      names.merge(hosts->done);
    }
    restored.paths = taken_paths(names);
    const bool was_there = found.paths.size() > (found.of_root ? 1 : 0);
    const int writer = writer_for(index, said_);
    if (was_there && writer != index && restored.paths.size() <= (names.contains("hosts") ? 1 : 0))
      restored.shares = sharing_words(writer, index, said_);
    co_return Result<void>{};
  }

  std::unexpected<Error> forget(int index, Error error) {
    end_.restored.erase(index);
    return std::unexpected(std::move(error));
  }

  bool dry_run_;
  PasswordSource password_;
  Observer& observer_;
  Barrier together_;
  Surveys said_;
  UndoEnd end_;
};

asio::awaitable<UndoEnd> conduct_undo(std::unique_ptr<Undo> undo, std::vector<Node> nodes,
                                      ssh::Connector& connector, FleetOptions options, std::stop_token stop) {
  auto end = co_await undo->run(std::move(nodes), connector, options, std::move(stop));
  co_return end;
}

}  // namespace

asio::awaitable<SetupEnd> set_up(const asio::any_io_executor& executor, SetupWish wish,
                                 std::vector<Node> nodes, ssh::Connector& connector,
                                 const ssh::HostKeys& host_keys, FleetOptions options,
                                 SetupObserver& observer, std::stop_token stop) {
  auto setup = std::make_unique<Setup>(executor, std::move(wish), nodes.size(), host_keys, observer);
  return conduct(std::move(setup), std::move(nodes), connector, options, std::move(stop));
}

asio::awaitable<UndoEnd> undo_setup(const asio::any_io_executor& executor, bool dry_run,
                                    PasswordSource password, std::vector<Node> nodes,
                                    ssh::Connector& connector, FleetOptions options, Observer& observer,
                                    std::stop_token stop) {
  auto undo = std::make_unique<Undo>(executor, dry_run, std::move(password), nodes.size(), observer);
  return conduct_undo(std::move(undo), std::move(nodes), connector, options, std::move(stop));
}

}  // namespace ec2mpi::ops
