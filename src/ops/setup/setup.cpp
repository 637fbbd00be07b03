#include "ec2mpi/ops/setup/setup.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "ec2mpi/base/checksum.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "ec2mpi/cluster/values/selection.hpp"
#include "ec2mpi/ops/exec/root_command.hpp"
#include "src/ops/setup/joint_work.hpp"
#include "src/ops/setup/sharing.hpp"
#include "src/ops/setup/trust_files.hpp"

namespace ec2mpi::ops {

namespace {

/// The texts that were really written.
std::vector<TrustText> written_of(const std::vector<TrustText>& texts, const TrustChange& change) {
  std::vector<TrustText> written;
  for (const auto& text : texts) {
    if (change.done.contains(text.name)) written.push_back(text);
  }
  return written;
}

/// The texts of the login user's files, or those of root's.
std::vector<TrustText> texts_for(const std::vector<TrustText>& texts, bool of_root) {
  std::vector<TrustText> chosen;
  for (const auto& text : texts) {
    if (is_of_root(text) == of_root) chosen.push_back(text);
  }
  return chosen;
}

/// The nodes write one after the other where one depends on another's work.
enum class Turn {
  claimant,  ///< claims the cluster against setups with another key
  writer,
  sharer,  ///< its home or machine is a writer's
};

/// One setup, from the first connection to the last.
class Setup : public JointWork {
 public:
  Setup(const SetupNodes& nodes, SetupRequest request, const ssh::HostKeys& host_keys,
        SetupObserver& observer)
      : JointWork(nodes, observer),
        request_(std::move(request)),
        host_keys_(host_keys),
        observer_(observer) {}

  asio::awaitable<SetupEnd> run(SetupNodes nodes) {
    end_.report = co_await run_on_all(std::move(nodes));
    co_return std::move(end_);
  }

 private:
  // --- one node ---

  asio::awaitable<Result<ssh::ExitStatus>> work_on(NodeRun run, const SetupState& state) override {
    const int index = run.node.index;
    CO_TRY(note_answer(run.node, state));
    // All nodes have answered or failed here, so the members can be decided.
    CO_TRY(co_await wait(run));
    decide_once();
    auto trusted = co_await write_in_turn(run, state);
    // A node's own fault lets the other steps on it continue; a lost connection does not.
    if (!trusted && trusted.error().kind != ErrorKind::remote_io) co_return std::unexpected(trusted.error());
    if (trusted && !request_.dry_run) trusted = co_await test_login(run);
    // Only when all logins were tried is it known which sshd refuses one.
    CO_TRY(co_await wait(run));
    if (trusted && refused_logins_.contains(index)) trusted = co_await explain_refusal(run, state);
    if (request_.packages && !refused_) {
      auto installed = co_await add_packages(run, state);
      if (!installed && !trusted) trusted.error().message += "; and " + installed.error().message;
      if (!installed && trusted) trusted = std::move(installed);
    }
    if (!trusted) co_return std::unexpected(trusted.error());
    co_return ssh::ExitStatus{};
  }

  Result<void> note_answer(const Node& node, const SetupState& state) {
    auto member = make_member(node, state, host_keys_.known(node));
    if (!member) {
      // A node whose answer is not believed now is not taken from memory either.
      refused_keys_.insert(node_key(node));
      return std::unexpected(member.error());
    }
    present_.emplace(node.index, std::move(*member));
    return {};
  }

  asio::awaitable<Result<void>> wait(NodeRun& run) {
    observer_.on_doing(run.node, "waiting for the others");
    auto met = co_await wait_for_all(run);
    observer_.on_doing(run.node, "");
    co_return met;
  }

  asio::awaitable<Result<void>> write_in_turn(NodeRun& turn, const SetupState& state) {
    Result<void> trusted;
    // A barrier behind each turn: a sharer looks only after its writer has written.
    for (const Turn now : {Turn::claimant, Turn::writer, Turn::sharer}) {
      if (turn_of(turn.node.index) == now) trusted = co_await write_missing(turn, state);
      if (!trusted && trusted.error().kind != ErrorKind::remote_io) co_return trusted;
      // From here on, other nodes may try to log in there.
      if (trusted && now == Turn::sharer) trusted_.insert(turn.node.index);
      if (auto met = co_await wait(turn); !met) co_return met;
    }
    co_return trusted;
  }

  asio::awaitable<Result<void>> write_missing(NodeRun& turn, const SetupState& state) {
    const int index = turn.node.index;
    // For all nodes: another setup holds the claim, or no key pair could be made.
    if (refused_) co_return std::unexpected(*refused_);
    if (const auto reason = membership_.refused.find(index); reason != membership_.refused.end()) {
      std::string claim = reason->second;
      co_return fail(ErrorKind::remote_io, std::move(claim));
    }
    CO_TRY_AS(missing, missing_texts(texts_, state.states));
    CO_TRY(check_owners(turn.node, state, !missing->empty()));
    note_name(present_.at(index), end_.done[index]);
    auto written = co_await write_users_texts(turn, texts_for(*missing, false), loose_paths(state.states));
    if (!written) co_return written;
    const auto hosts = texts_for(*missing, true);
    if (hosts.empty()) co_return Result<void>{};
    auto named = co_await write_roots_text(turn, state.root, hosts.front());
    co_return named;
  }

  /// ssh accepts a file that belongs to root. setup can change a file only for its owner.
  static Result<void> check_owners(const Node& node, const SetupState& state, bool changes) {
    for (const auto& [path, owner, target] : foreign_paths(state.states)) {
      // ssh accepts a file of root's, but setup cannot change one and keep the owner.
      if (owner == "root" && !changes) continue;
      // chown would follow the link, perhaps to a file of the system's.
      if (!target.empty())
        return fail(
            ErrorKind::remote_io,
            fmt::format("{} is a link to {}, which belongs to {}, and ssh or setup cannot use it; put "
                        "something of {}'s in the place of the link",
                        path, target, owner, state.user));
      const auto real = fmt::format("~{}{}", state.user, path.substr(1));
      return fail(ErrorKind::remote_io,
                  fmt::format("{} belongs to {}, and ssh or setup cannot use it; fix: ec2mpi exec -w {} "
                              "--sudo 'chown {} {}'",
                              path, owner, node.index, state.user, real));
    }
    return {};
  }

  static void note_name(const ClusterMember& member, NodeSetup& done) {
    if (member.unused_name.empty()) return;
    done.notes.push_back(
        fmt::format("its host name '{}' is left out: the other nodes are told only names that EC2 gives, "
                    "such as ip-10-0-0-11",
                    member.unused_name));
  }

  asio::awaitable<Result<void>> write_users_texts(NodeRun& turn, std::vector<TrustText> missing,
                                                  std::vector<std::string> loose) {
    const int index = turn.node.index;
    const std::string claim = index == claimant_ ? claim_ : "";
    if (!request_.dry_run && !(missing.empty() && loose.empty() && claim.empty())) {
      observer_.on_doing(turn.node, "writing keys");
      NodeRun here = turn;
      CO_TRY_AS(changed, co_await write_texts(std::move(here), missing, claim));
      if (changed->busy) {
        Error busy{ErrorKind::remote_io, changed->reason};
        // The claim failed, so no other node may be written either.
        if (!claim.empty()) refused_ = busy;
        co_return std::unexpected(std::move(busy));
      }
      auto written = written_of(missing, *changed);
      // Under the lock nothing was missing any more: another node with this home was first.
      if (!missing.empty() && written.empty()) note_sharing(index);
      missing.swap(written);
      loose = std::move(changed->tightened);
    }
    auto& done = end_.done[index];
    done.texts.swap(missing);
    done.tightened = std::move(loose);
    co_return Result<void>{};
  }

  void note_sharing(int index) {
    const int writer = writer_for(index);
    if (writer != index) end_.done[index].shares = sharing_text(writer, index, states_);
  }

  asio::awaitable<Result<void>> write_roots_text(NodeRun& turn, RootAccess access, TrustText hosts) {
    auto& done = end_.done[turn.node.index];
    if (!can_be_root(access, request_.password)) {
      // ssh knows the names all the same, so this is a note and no failure.
      done.notes.push_back(fmt::format("/etc/hosts is not written: {}; ssh knows the names all the same",
                                       why_not_root(states_.at(turn.node.index))));
      co_return Result<void>{};
    }
    bool is_done = true;
    if (!request_.dry_run) {
      observer_.on_doing(turn.node, "writing names");
      NodeRun here = turn;
      CO_TRY_AS(changed, co_await write_hosts(std::move(here), access, request_.password, hosts));
      is_done = changed->done.contains(hosts.name);
    }
    if (is_done) done.texts.push_back(std::move(hosts));
    co_return Result<void>{};
  }

  // --- the logins ---

  /// The next node that has all texts; 0 for none. A node that has claimed the cluster alone takes itself.
  [[nodiscard]] int next_of(int index) const {
    auto next = trusted_.upper_bound(index);
    if (next == trusted_.end()) next = trusted_.begin();
    return *next == index && index != claimant_ ? 0 : *next;
  }

  /// One login from this node to the next, and a look whether the texts are still there. All nodes have been
  /// written by now, so of two setups with different keys at most one finds its own texts everywhere.
  asio::awaitable<Result<void>> test_login(NodeRun& turn) {
    const int index = turn.node.index;
    const int next = next_of(index);
    const std::string claim = index == claimant_ ? claim_ : "";
    if (next == 0 || (next == index && claim.empty())) co_return Result<void>{};
    observer_.on_doing(turn.node, fmt::format("logging in to node{}", next));
    NodeRun here = turn;
    CO_TRY_AS(login, co_await try_login(std::move(here), present_.at(next).address.text(), claim));
    auto still = still_there(login->states);
    if (!still || login->ok) co_return still;
    if (login->is_sshds_choice()) {
      refused_logins_[next] = {index, login->said};
      co_return Result<void>{};
    }
    co_return fail(ErrorKind::remote_io,
                   fmt::format("cannot log in to node{} ({}): {}{}", next, present_.at(next).address.text(),
                               login->said, login->next_step(index, next)));
  }

  [[nodiscard]] Result<void> still_there(const std::map<std::string, std::string>& states) const {
    TRY_AS(missing, missing_texts(texts_, states));
    // /etc/hosts is not looked at: no login depends on it.
    const auto changed = std::find_if_not(missing->begin(), missing->end(), is_of_root);
    if (changed == missing->end()) return {};
    return fail(
        ErrorKind::remote_io,
        fmt::format(
            "another setup or undo has changed {} at the same time; the nodes may not let each other in; run "
            "setup again",
            changed->path));
  }

  /// This node's sshd has refused the key although all files are in place.
  asio::awaitable<Result<void>> explain_refusal(NodeRun& turn, const SetupState& state) {
    const auto [from, words] = refused_logins_.at(turn.node.index);
    std::string settings;
    if (can_be_root(state.root, request_.password)) {
      NodeRun here = turn;
      SshdQuestion question{state.user, state.facts.home, present_.at(from).address.text(),
                            present_.at(turn.node.index).address.text(), state.port};
      settings = co_await sshd_settings(std::move(here), state.root, request_.password, std::move(question));
    }
    auto reason = sshd_refusal(settings, state.user, state.facts.home);
    if (reason.empty()) {
      reason = fmt::format(
          "'{}'; see there: sudo sshd -T | grep -Ei 'authorizedkeysfile|pubkeyaccepted|allow|deny|strict', "
          "and sshd's log",
          words);
    }
    co_return fail(
        ErrorKind::remote_io,
        fmt::format("its sshd does not let node{} in, though all files are in place: {}", from, reason));
  }

  // --- packages ---

  /// After the logins, because an installation may take minutes. In a dry run only the names are noted.
  asio::awaitable<Result<void>> add_packages(NodeRun& turn, const SetupState& state) {
    CO_TRY_AS(plan, plan_packages(state, request_.mpi));
    if (plan->empty()) co_return Result<void>{};
    auto names = plan->names();
    if (!can_be_root(state.root, request_.password)) {
      auto reason = fmt::format("to install {} takes root; {}", join(names, " "), why_not_root(state));
      co_return fail(ErrorKind::remote_io, std::move(reason));
    }
    if (!request_.dry_run) {
      NodeRun here = turn;
      std::function<void(std::string_view)> on_doing = [this, &node = turn.node](std::string_view doing) {
        observer_.on_doing(node, doing);
      };
      auto installed = co_await install_packages(std::move(here), state.root, request_.password, *plan,
                                                 std::move(on_doing));
      if (!installed) co_return installed;
    }
    end_.done[turn.node.index].packages = std::move(names);
    co_return Result<void>{};
  }

  // --- all nodes ---

  /// All nodes have answered or failed: decides once which of them are members.
  void decide_once() {
    if (std::exchange(is_decided_, true)) return;
    if (auto decided = decide_members(); !decided) refused_ = decided.error();
  }

  Result<void> decide_members() {
    PresentNodes present{.members = {}, .refused = refused_keys_};
    for (const auto& [index, member] : present_) present.members.push_back(member);
    membership_ = resolve_members(std::move(present), request_.memory.members, request_.listed);
    end_.left = membership_.left;
    end_.members = membership_.members.size();
    auto& pair = request_.memory.pair;
    // A node that has left may still hold the old key.
    end_.new_pair = !pair || (request_.whole_list && !membership_.left.empty());
    if (end_.new_pair && !request_.whole_list) TRY(check_peers());
    if (end_.new_pair) {
      // A dry run makes no key, but needs a text to compare and to show.
      auto made = request_.dry_run ? ssh::KeyPair{"", "ssh-ed25519 (made by setup)"} : ssh::make_key_pair();
      if (!made) return std::unexpected(made.error());
      pair.reset();  // wipes the old one
      pair = std::move(*made);
    }
    texts_ = trust_texts(membership_.members, *pair);
    if (request_.dry_run) return {};
    choose_claimant(pair->public_key);
    // Remembered before the first node is changed: a lost connection must not lose the key.
    if (!request_.keep) return {};
    SetupMemory now{.members = membership_.members, .pair = pair};
    // Without the whole list, the others have not left.
    if (!request_.whole_list)
      now.members.insert(now.members.end(), membership_.left.begin(), membership_.left.end());
    return request_.keep(now);
  }

  /// Another setup may have joined some of these nodes with others; a new pair would separate them.
  [[nodiscard]] Result<void> check_peers() const {
    std::set<Ipv4> here;
    for (const auto& [index, member] : present_) here.insert(member.address);
    for (const auto& [index, member] : present_) {
      std::vector<std::string> others;
      for (const auto peer : trusted_peers(states_.at(index).states)) {
        if (!here.contains(peer)) others.push_back(peer.text());
      }
      if (others.empty()) continue;
      return fail(
          ErrorKind::remote_io,
          fmt::format("node{} shares the key pair of another setup with {}, and a new pair would separate "
                      "them; next: setup without -w and -x, or copy that setup's .ec2mpi here",
                      index, some_of(others, 3)));
    }
    return {};
  }

  /// The node with the lowest address is the one on which setups of the same nodes meet.
  void choose_claimant(const std::string& public_key) {
    std::optional<Ipv4> lowest;
    bool is_needed = false;
    for (const auto& [index, member] : present_) {
      if (membership_.refused.contains(index)) continue;
      const auto missing = missing_texts(texts_, states_.at(index).states);
      if (!missing) continue;
      is_needed =
          is_needed || std::find_if_not(missing->begin(), missing->end(), is_of_root) != missing->end();
      if (lowest && *lowest <= member.address) continue;
      lowest = member.address;
      claimant_ = index;
    }
    // Nothing to write, or no second node: then there is nothing to claim.
    if (!is_needed || present_.size() < 2) {
      claimant_ = 0;
      return;
    }
    // The checksum of the public key, so setups with one key have one claim.
    claim_ = posix_cksum(public_key);
    std::replace(claim_.begin(), claim_.end(), ' ', '-');
  }

  /// The claimant is the first to write, so it writes for those who have its home.
  [[nodiscard]] int writer_for(int index) const {
    const int writer = ops::writer_for(index, states_);
    const bool is_claimants = claimant_ != 0 && ops::writer_for(claimant_, states_) == writer;
    return is_claimants ? claimant_ : writer;
  }

  [[nodiscard]] Turn turn_of(int index) const {
    if (index == claimant_) return Turn::claimant;
    return writer_for(index) == index ? Turn::writer : Turn::sharer;
  }

  SetupRequest request_;
  const ssh::HostKeys& host_keys_;
  SetupObserver& observer_;
  std::map<int, ClusterMember> present_;  ///< the nodes that have answered, by index
  bool is_decided_ = false;
  std::set<std::string> refused_keys_;  ///< nodes whose answer was not believed
  std::optional<Error> refused_;        ///< for all
  Membership membership_;
  std::vector<TrustText> texts_;
  int claimant_ = 0;   ///< 0 if nothing is to be written
  std::string claim_;  ///< the name of the key pair
  std::set<int> trusted_;
  std::map<int, std::pair<int, std::string>>
      refused_logins_;  ///< by the node whose sshd refused: the node that tried, and ssh's words
  SetupEnd end_;
};

}  // namespace

asio::awaitable<SetupEnd> set_up(SetupNodes nodes, SetupRequest request, const ssh::HostKeys& host_keys,
                                 SetupObserver& observer) {
  Setup setup(nodes, std::move(request), host_keys, observer);
  auto end = co_await setup.run(std::move(nodes));
  co_return end;
}

}  // namespace ec2mpi::ops
