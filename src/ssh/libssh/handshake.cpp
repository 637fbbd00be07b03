#include "src/ssh/libssh/handshake.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <algorithm>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"

namespace ec2mpi::ssh {

namespace {

/// Fast curves first: libssh spends 18 ms on a classic 4096-bit group where these take under one.
constexpr const char* kKeyExchange =
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
    "diffie-hellman-group16-sha512,diffie-hellman-group14-sha256";

/// In the order of preference; what a node showed before goes to the front, for only that can be compared.
const std::vector<std::string> kHostKeyTypes = {"ssh-ed25519",         "ecdsa-sha2-nistp256",
                                                "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
                                                "rsa-sha2-512",        "rsa-sha2-256"};

/// One login, in the order that the trust demands: keys of the connection, host key, then credentials.
class Handshake {
 public:
  Handshake(std::shared_ptr<Link> link, const Target& target, const Node& node, HostKeys& host_keys)
      : link_(std::move(link)), target_(target), node_(key_owner(node, target)), host_keys_(host_keys) {}

  awaitable<Result<void>> run(Limit limit, const PhaseObserver& on_phase) {
    set_options();
    if (auto done = co_await exchange_keys(limit, on_phase); !done) co_return done;
    if (auto known = verify_host_key(); !known) co_return known;  // before any credential leaves
    on_phase(Phase::authenticating);
    auto done = co_await authenticate(limit);
    co_return done;
  }

 private:
  [[nodiscard]] ssh_session session() const { return link_->session(); }

  void set_options() const {
    const auto set = [this](ssh_options_e name, const char* value) {
      ::ssh_options_set(session(), name, value);
    };
    const bool no = false;
    // libssh would read the ssh configuration by itself, which overrides these options
    // (before 0.11.5) and fails at a Match keyword that libssh does not know.
    ::ssh_options_set(session(), SSH_OPTIONS_PROCESS_CONFIG, &no);
    set(SSH_OPTIONS_HOST, target_.host.c_str());
    set(SSH_OPTIONS_USER, target_.user.c_str());
    // With this folder, libssh finds no keys and no other files of the user.
    set(SSH_OPTIONS_SSH_DIR, "/nonexistent");
    set(SSH_OPTIONS_KNOWNHOSTS,
        "/dev/null");  // HostKeys judges; libssh would read the files for every session
    set(SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
    set(SSH_OPTIONS_KEY_EXCHANGE, kKeyExchange);
    set(SSH_OPTIONS_HOSTKEYS, host_key_algorithms().c_str());
  }

  /// Only types that are remembered are asked for: a key of another type could not be compared.
  [[nodiscard]] std::string host_key_algorithms() const {
    const auto known = host_keys_.known_types(node_);
    std::string list;
    for (const auto& algorithm : kHostKeyTypes) {
      // In known_hosts, "ssh-rsa" is the type of both.
      const auto type = algorithm.starts_with("rsa-") ? "ssh-rsa" : algorithm;
      const bool wanted = known.empty() || std::find(known.begin(), known.end(), type) != known.end();
      if (wanted) list += (list.empty() ? "" : ",") + algorithm;
    }
    return list;
  }

  awaitable<Result<void>> exchange_keys(Limit limit, const PhaseObserver& on_phase) {
    on_phase(Phase::banner);
    bool banner_seen = false;
    for (;;) {
      const int state = ::ssh_connect(session());
      if (state == SSH_OK) break;
      if (state != SSH_AGAIN) co_return std::unexpected(why_no_connection());
      if (!banner_seen && ::ssh_get_serverbanner(session()) != nullptr) {
        banner_seen = true;
        on_phase(Phase::key_exchange);
      }
      const Wake wake = co_await link_->activity(limit);
      if (wake != Wake::notified) co_return wake_error(wake, why_no_keys(banner_seen));
    }
    // libssh has made the socket blocking (0.10.6), and a full one would then stop all nodes.
    link_->make_nonblocking();
    co_return Result<void>{};
  }

  /// ssh_connect() has failed; its words say whether the host key is the cause.
  [[nodiscard]] Error why_no_connection() const {
    const std::string_view said = ::ssh_get_error(session());
    // The node has host keys, but none of a type that is remembered: this is a changed key.
    const bool no_common_type =
        said.find("no match for method server host key algo") != std::string_view::npos;
    if (no_common_type && !host_keys_.known_types(node_).empty())
      return host_keys_.explain_missing_type(node_);
    return link_->last_error();
  }

  /// The time is over; how far the server has come points to the cause.
  [[nodiscard]] const char* why_no_keys(bool banner_seen) const {
    if (banner_seen) return "the key exchange did not end; the node or the link is very slow";
    if (!link_->heard()) return "connected, but its sshd says nothing; frozen or overloaded?";
    return "connected, but what listens there sends other things than the greeting of an sshd; the right "
           "port (-p)?";
  }

  [[nodiscard]] Result<void> verify_host_key() const {
    // When ssh_connect() succeeds, the key's signature has been checked, but not the trust in it.
    ssh_key raw = nullptr;
    if (::ssh_get_server_publickey(session(), &raw) != SSH_OK) {
      return fail(ErrorKind::protocol, "the server showed no host key");
    }
    const KeyHandle key(raw);
    char* encoded = nullptr;
    if (::ssh_pki_export_pubkey_base64(raw, &encoded) != SSH_OK) {
      return fail(ErrorKind::protocol, "the server's host key cannot be read");
    }
    const StringHandle base64(encoded);
    return host_keys_.verify(node_, {::ssh_key_type_to_char(::ssh_key_type(raw)), encoded},
                             target_.strict ? UnknownHostKey::refuse : UnknownHostKey::remember);
  }

  awaitable<Result<void>> authenticate(Limit limit) {
    // Asking for the service first lets the server's extensions arrive, without which RSA keys are refused
    // spuriously (libssh before 0.11.2).
    for (;;) {
      const int state = ::ssh_service_request(session(), "ssh-userauth");
      if (state == SSH_OK) break;
      if (state != SSH_AGAIN) co_return std::unexpected(link_->last_error());
      if (auto heard = co_await wait_for_answer(limit); !heard) co_return heard;
    }
    // The user's own keys come first, for sshd ends the login after a few wrong ones.
    const auto& credentials = target_.credentials;
    for (const auto& key : credentials.keys) {
      CO_TRY_AS(done, co_await attempt_key(key, limit));
      if (*done) co_return Result<void>{};
    }
    if (credentials.all_of_agent) {
      CO_TRY_AS(done, co_await attempt_other_keys_of_agent(limit));
      if (*done) co_return Result<void>{};
    }
    for (const auto& key : credentials.fallback_keys) {
      CO_TRY_AS(done, co_await attempt_key(key, limit));
      if (*done) co_return Result<void>{};
    }
    co_return fail(ErrorKind::auth, why_refused());
  }

  /// No key is shown twice: sshd counts its failures.
  awaitable<Result<bool>> attempt_key(const PrivateKey& key, Limit limit) {
    if (is_closed(key)) co_return false;
    const std::string& blob = key.impl().public_blob;
    if (!shown_.insert(blob).second) co_return false;
    tried_.push_back(printable(key.file().filename().string()));
    const ssh_key own = key.impl().key.get();
    // The agent has the key; of all its keys, it shows this one only.
    if (own == nullptr) {
      std::vector<std::string> only(1, blob);
      auto done = co_await attempt_agent(std::move(only), limit);
      co_return done;
    }
    const auto call = [this, own] { return ::ssh_userauth_publickey(session(), nullptr, own); };
    auto done = co_await attempt(limit, call);
    co_return done;
  }

  /// Those that nobody named, after those that somebody did; in one round of the agent.
  awaitable<Result<bool>> attempt_other_keys_of_agent(Limit limit) {
    if (!target_.credentials.agent) co_return false;
    std::vector<std::string> others;
    for (const auto& key : target_.credentials.agent->keys())
      if (shown_.insert(key.blob).second) others.push_back(key.blob);
    if (others.empty()) co_return false;
    tried_.emplace_back("the agent");
    auto done = co_await attempt_agent(std::move(others), limit);
    co_return done;
  }

  awaitable<Result<bool>> attempt_agent(std::vector<std::string> blobs, Limit limit) {
    if (!target_.credentials.agent) co_return false;
    UniqueFd door = target_.credentials.agent->open(blobs);
    if (!door) co_return false;
    ::ssh_set_agent_socket(session(), door.get());
    const UniqueFd replaced(std::exchange(agent_door_, door.release()));  // libssh closes the last one only
    const auto call = [this] {
      const int state = ::ssh_userauth_agent(session(), nullptr);
      agent_failed_ = agent_failed_ || state == SSH_AUTH_ERROR;
      return state;
    };
    auto done = co_await attempt(limit, call);
    co_return done;
  }

  [[nodiscard]] std::string why_no_key() const {
    const auto silent = silent_agent();
    if (silent.empty()) return "no key to log in with; name your .pem file with -i";
    return fmt::format(
        "no key to log in with: the agent at {} does not answer (ssh-add -l); start it anew, or name your "
        ".pem "
        "file with -i",
        silent);
  }

  /// The socket of an agent that has not told its keys; empty if there is no such agent.
  [[nodiscard]] std::string silent_agent() const {
    const auto& agent = target_.credentials.agent;
    if (!agent || !target_.credentials.all_of_agent || agent->answers()) return {};
    return printable(agent->socket());
  }

  /// The most telling cause first: a second factor, no keys at all, a silent agent, a wrong key.
  [[nodiscard]] std::string why_refused() const {
    if (tried_.empty()) return why_no_key();
    const auto user = printable(target_.user);
    // The methods that the server named when it refused.
    const auto offered = ::ssh_userauth_list(session(), nullptr);
    if (accepted_in_part_) {
      return fmt::format(
          "the server takes the key of user {} and asks for a second factor ({}), which ec2mpi cannot give; "
          "let its sshd be content with the key (AuthenticationMethods publickey)",
          user, method_names(offered));
    }
    if (offered != 0 && (static_cast<unsigned>(offered) & SSH_AUTH_METHOD_PUBLICKEY) == 0) {
      return fmt::format("its sshd takes no keys from user {}, only {}; it needs PubkeyAuthentication yes",
                         user, method_names(offered));
    }
    if (agent_failed_) {
      return fmt::format(
          "login refused for user {} with {}; the agent did not sign: is it locked, or was it to be "
          "confirmed?",
          user, join(tried_, ", "));
    }
    const auto silent = silent_agent();
    const auto agent =
        silent.empty() ? std::string() : fmt::format(", and the agent at {} does not answer", silent);
    return fmt::format("login refused for user {} with {}{}; wrong key (-i) or user? ({})", user,
                       join(tried_, ", "), agent,
                       target_.role == Role::jump_host ? "-J USER@HOST, or User in the ssh configuration"
                                                       : "-l ubuntu, ec2-user, admin, rocky");
  }

  /// For the message when sshd wants another method: ec2mpi only has keys.
  static std::string method_names(int methods) {
    static constexpr std::pair<unsigned, const char*> kNames[] = {
        {SSH_AUTH_METHOD_PASSWORD, "password"},
        {SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive"},
        {SSH_AUTH_METHOD_PUBLICKEY, "another key"},
        {SSH_AUTH_METHOD_HOSTBASED, "hostbased"},
        {SSH_AUTH_METHOD_GSSAPI_MIC, "gssapi"}};
    std::vector<std::string> names;
    for (const auto& [bit, name] : kNames)
      if ((static_cast<unsigned>(methods) & bit) != 0) names.emplace_back(name);
    return names.empty() ? "one that it does not name" : join(names, ", ");
  }

  /// True when the server let us in, false when it wants another key.
  awaitable<Result<bool>> attempt(Limit limit, std::function<int()> call) {
    for (;;) {
      switch (call()) {
        case SSH_AUTH_SUCCESS:
          co_return true;
        case SSH_AUTH_PARTIAL:
          // The second factor may be another key, so the next one is tried.
          accepted_in_part_ = true;
          co_return false;
        case SSH_AUTH_DENIED:
          co_return false;
        case SSH_AUTH_AGAIN:
          break;
        default:
          if (::ssh_is_connected(session()) != 0)
            co_return false;  // the agent or the key failed, not the link
          co_return std::unexpected(link_->last_error());
      }
      CO_TRY(co_await wait_for_answer(limit));
    }
  }

  /// libssh asks for another call even after the server has ended the connection.
  awaitable<Result<void>> wait_for_answer(Limit limit) {
    if (::ssh_is_connected(session()) == 0) co_return std::unexpected(link_->last_error());
    const Wake wake = co_await link_->activity(limit);
    if (wake != Wake::notified) co_return wake_error(wake, kSlowLogin);
    co_return Result<void>{};
  }

  /// After the host key, so the machine is the right one and answers.
  static constexpr const char* kSlowLogin = "logging in did not end; the node or the link is very slow";

  std::shared_ptr<Link> link_;
  const Target& target_;
  Node node_;  ///< under whose name the host key is looked up
  HostKeys& host_keys_;
  std::set<std::string> shown_;     ///< the public keys that the server has been asked for
  std::vector<std::string> tried_;  ///< the same in words
  int agent_door_ = -1;             ///< owned by libssh
  bool agent_failed_ = false;
  bool accepted_in_part_ = false;  ///< a key was right, and the server wants more
};

}  // namespace

awaitable<Result<std::shared_ptr<Link>>> log_in(Link::Socket socket, LoginRequest request, Limit limit) {
  CO_TRY_AS(link, Link::over(std::move(socket)));
  const auto& target = request.target;
  if (request.exchange) (*link)->note_exchange(*request.exchange);
  Handshake handshake(*link, target, request.node, request.host_keys);
  CO_TRY(co_await handshake.run(limit, request.on_phase));
  (*link)->notice_loss_in(Link::kPatience);
  spdlog::debug("{}: logged in to {}@{}:{}", request.node.label(), target.user, target.host, target.port);
  co_return std::move(*link);
}

}  // namespace ec2mpi::ssh
