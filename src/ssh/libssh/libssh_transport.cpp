#include "ec2mpi/ssh/libssh/libssh_transport.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <algorithm>
#include <asio/use_awaitable.hpp>
#include <map>
#include <set>

#include "ec2mpi/base/sha256.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ssh/keepable_session.hpp"
#include "src/ssh/libssh/agent.hpp"
#include "src/ssh/libssh/libssh_session.hpp"
#include "src/ssh/libssh/link.hpp"
#include "src/ssh/libssh/private_key.hpp"
#include "src/ssh/libssh/tcp.hpp"
#include "src/ssh/libssh/tunnel.hpp"
#include "src/ssh/libssh/user_config.hpp"

namespace ec2mpi::ssh {

namespace {

constexpr std::uint16_t kDefaultPort = 22;

/// Fast curves first: libssh spends 18 ms on a classic 4096-bit group where these take under one.
constexpr const char* kKeyExchange =
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
    "diffie-hellman-group16-sha512,diffie-hellman-group14-sha256";

/// In the order of preference; what a node showed before goes to the front, for only that can be compared.
const std::vector<std::string> kHostKeyTypes = {"ssh-ed25519",         "ecdsa-sha2-nistp256",
                                                "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
                                                "rsa-sha2-512",        "rsa-sha2-256"};

/// The keys for a login, in the order in which they are tried.
struct Credentials {
  std::vector<PrivateKey> keys = {};           ///< named by the user or by ssh_config
  std::shared_ptr<AgentGate> agent = {};       ///< unset: there is none, or it is not to be used
  bool all_of_agent = true;                    ///< also its keys that nobody named
  std::vector<PrivateKey> fallback_keys = {};  ///< the usual ones, if nobody named any
};

enum class Role { node, jump_host };

/// The machine, the port and the login, after the list, the flags and ssh_config have been asked.
struct Target {
  Role role = Role::node;
  std::string host = {};
  std::uint16_t port = kDefaultPort;
  std::string user = {};
  std::vector<std::filesystem::path> identity_files = {};  ///< that ssh_config names
  std::string agent = {};                                  ///< its socket; empty: none is used
  Credentials credentials = {};                            ///< filled from the two above for a login
  std::optional<Node> jump = {};
  std::string key_alias = {};  ///< of ssh_config; stands for the address where the list gives no instance id
  bool strict = false;         ///< ssh_config accepts known host keys only
};

/// The node under whose name the host key is looked up.
Node key_owner(Node node, const Target& target) {
  if (target.key_alias.empty()) return node;
  node.address = target.key_alias;
  // ssh looks up an alias without a port.
  node.port = 0;
  return node;
}

/// A jump host's session, connected by the first node that needs it; the others wait for that.
struct Jump {
  explicit Jump(asio::any_io_executor executor) : settled(std::move(executor)) {}

  Event settled;
  bool connecting = false;
  std::shared_ptr<Session> session;
};

/// One connection on its way from a socket to an authenticated session.
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

  [[nodiscard]] Error why_no_connection() const {
    const std::string_view said = ::ssh_get_error(session());
    // The node has host keys, but none of a type that is remembered: this is a changed key.
    const bool no_common_type =
        said.find("no match for method server host key algo") != std::string_view::npos;
    if (no_common_type && !host_keys_.known_types(node_).empty())
      return host_keys_.explain_missing_type(node_);
    return link_->last_error();
  }

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
    if (tried_.empty()) co_return fail(ErrorKind::auth, "no key to log in with; name your .pem file with -i");
    co_return fail(ErrorKind::auth, why_refused());
  }

  /// No key is shown twice: sshd counts its failures.
  awaitable<Result<bool>> attempt_key(const PrivateKey& key, Limit limit) {
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

  [[nodiscard]] std::string why_refused() const {
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
    return fmt::format("login refused for user {} with {}; wrong key (-i) or user? ({})", user,
                       join(tried_, ", "),
                       target_.role == Role::jump_host ? "-J USER@HOST, or User in the ssh configuration"
                                                       : "-l ubuntu, ec2-user, admin, rocky");
  }

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

bool is_alive(const Session& session) {
  const auto* keepable = dynamic_cast<const KeepableSession*>(&session);
  return keepable == nullptr || keepable->alive();
}

class LibsshConnector : public NamingConnector {
 public:
  LibsshConnector(asio::any_io_executor executor, LibsshOptions options, HostKeys& host_keys)
      : options_(std::move(options)), host_keys_(host_keys), executor_(std::move(executor)) {}

  awaitable<Result<std::unique_ptr<Session>>> connect(const Node& node, Limit limit,
                                                      PhaseObserver on_phase) override {
    CO_TRY_AS(target, with_keys(target_of(node)));
    std::optional<Clock::duration> exchange;
    CO_TRY_AS(socket, co_await reach(*target, limit, on_phase, exchange));
    CO_TRY_AS(link, co_await log_in(std::move(*socket), exchange, *target, node, limit, on_phase));
    // Where sshd allows no further program (MaxSessions), the session connects once more.
    co_return make_libssh_session(std::move(*link),
                                  [this, node](Limit again) { return connect(node, again, [](Phase) {}); });
  }

  /// A hash of all that makes two sessions the same: host key name,
  /// user, host and port, and those of the jump host.
  Result<std::string> name_of(const Node& node) override {
    TRY_AS(target, target_of(node));
    auto text = describe(host_key_name(key_owner(node, *target)), *target);
    if (target->jump) {
      TRY_AS(jump, target_of_jump(*target->jump));
      text += describe("by", *jump);
    }
    return sha256(text).substr(0, 32);
  }

 private:
  static std::string describe(const std::string& name, const Target& target) {
    return fmt::format("{}\n{}\n{}\n{}\n", name, target.user, target.host, target.port);
  }

  /// `exchange`: the time from a request to its answer over the jump host.
  awaitable<Result<Link::Socket>> reach(const Target& target, Limit limit, const PhaseObserver& on_phase,
                                        std::optional<Clock::duration>& exchange) {
    if (!target.jump) {
      auto socket = co_await connect_tcp(target.host, target.port, limit, on_phase);
      co_return socket;
    }
    on_phase(Phase::connecting);
    for (bool again = false;; again = true) {
      CO_TRY_AS(bastion, co_await jump_host(*target.jump, limit));
      const auto asked = Clock::now();
      auto socket = co_await open_tunnel(*bastion, target.host, target.port, limit);
      exchange = Clock::now() - asked;
      if (socket || is_alive(**bastion)) co_return socket;
      // The session may have ended long ago, unnoticed because nobody used it.
      if (again) co_return std::unexpected(within_jump_host(*target.jump, socket.error()));
    }
  }

  static Error within_jump_host(const Node& jump, const Error& error) {
    return error.within("jump host " + printable(jump.address));
  }

  awaitable<Result<std::shared_ptr<Link>>> log_in(Link::Socket socket,
                                                  std::optional<Clock::duration> exchange,
                                                  const Target& target, const Node& node, Limit limit,
                                                  const PhaseObserver& on_phase) {
    CO_TRY_AS(link, Link::over(std::move(socket)));
    if (exchange) (*link)->note_exchange(*exchange);
    Handshake handshake(*link, target, node, host_keys_);
    CO_TRY(co_await handshake.run(limit, on_phase));
    (*link)->notice_loss_in(Link::kPatience);
    spdlog::debug("{}: logged in to {}@{}:{}", node.label(), target.user, target.host, target.port);
    co_return std::move(*link);
  }

  awaitable<Result<std::shared_ptr<Session>>> jump_host(const Node& node, Limit limit) {
    auto& jump = jumps_.try_emplace(fmt::format("{}@{}:{}", node.user, node.address, node.port), executor_)
                     .first->second;
    while (jump.connecting) {
      const Wake wake = co_await jump.settled.wait(limit);
      if (wake != Wake::notified) co_return wake_error(wake, "the jump host does not answer");
    }
    // The first node that finds the session gone connects again, for all others.
    if (!jump.session || !is_alive(*jump.session)) {
      jump.connecting = true;
      auto connected = co_await connect_jump(node, limit);
      jump.connecting = false;
      // Also after a failure: each node that waited then tries by itself.
      jump.settled.notify_all();
      if (!connected) co_return std::unexpected(within_jump_host(node, connected.error()));
      jump.session = std::move(*connected);
    }
    co_return jump.session;
  }

  awaitable<Result<std::unique_ptr<Session>>> connect_jump(const Node& node, Limit limit) {
    CO_TRY_AS(target, with_keys(target_of_jump(node)));
    // The phases of the jump host are none of the node's.
    const PhaseObserver nobody = [](Phase) {};
    CO_TRY_AS(socket, co_await connect_tcp(target->host, target->port, limit, nobody));
    CO_TRY_AS(link, co_await log_in(std::move(*socket), std::nullopt, *target, node, limit, nobody));
    co_return make_libssh_session(std::move(*link));
  }

  /// The list's own words first, then flags and settings, then ssh_config, then the defaults.
  Result<Target> target_of(const Node& node) {
    HostSettings configured;
    TRY_AS(target, target_without_jump(node, Role::node, configured));
    if (options_.jump) {
      if (!configured.way_place.empty()) replaced_ways_.insert(configured.way_place);
      target->jump = options_.jump;
    } else if (configured.jump && configured.jump->address != node.address) {
      target->jump = std::move(configured.jump);
    }
    return target;
  }

  /// What ssh_config says for all hosts holds for the jump host too, so it may be named as the way to itself.
  /// A line that -J replaces for the nodes is replaced for the jump host as well.
  Result<Target> target_of_jump(const Node& node) {
    HostSettings configured;
    auto target = target_without_jump(node, Role::jump_host, configured);
    if (target && configured.jump && configured.jump->address != node.address) {
      return fail(ErrorKind::usage, fmt::format("{}: another jump host for it, {}; only one can be used",
                                                configured.way_place, printable(configured.jump->address)));
    }
    return target;
  }

  /// As for ssh, the flags -l and -p do not hold for a jump host.
  Result<Target> target_without_jump(const Node& node, Role role, HostSettings& configured) {
    ConfigQuery query{.host = node.address};
    if (role == Role::node) query.user = options_.user;
    if (role == Role::node) query.port = options_.port;
    if (!node.user.empty()) query.user = node.user;
    if (node.port != 0) query.port = node.port;
    TRY_AS(config, ssh_config());
    TRY_AS(found, host_settings(**config, query, {role == Role::node && options_.jump, replaced_ways_}));
    configured = std::move(*found);
    report_unused(configured);
    Target target{.role = role, .host = configured.host_name};
    target.port = query.port.value_or(configured.port.value_or(kDefaultPort));
    target.user = query.user.value_or(configured.user.value_or(std::string(kDefaultUser)));
    target.key_alias = configured.key_alias;
    target.strict = configured.strict;
    target.identity_files = std::move(configured.identity_files);
    target.agent = configured.agent.value_or(usual_agent());
    target.credentials.all_of_agent = !configured.identities_only;
    return target;
  }

  Result<SshConfig*> ssh_config() {
    // Read at the first connection; an error is kept, too, and told by each.
    if (!ssh_config_) ssh_config_ = SshConfig::load(options_.ssh_config, options_.system_ssh_config);
    if (!*ssh_config_) return std::unexpected(ssh_config_->error());
    return &**ssh_config_;
  }

  /// One line for each set of them: a thousand nodes have the same. Nobody asked for those of the system.
  void report_unused(const HostSettings& configured) {
    report_once(spdlog::level::warn, configured.unused);
    report_once(spdlog::level::info, configured.unused_of_system);
  }

  void report_once(spdlog::level::level_enum level, const std::vector<std::string>& unused) {
    if (unused.empty()) return;
    const auto list = join(unused, ", ");
    if (reported_.insert(list).second)
      spdlog::log(level, "not used of the ssh configuration: {}; see docs/connections.md, or pass -F none",
                  list);
  }

  /// May ask for a passphrase. A key of the configuration that is of no use here does not stand in the way of
  /// others.
  Result<Target> with_keys(Result<Target> target) {
    if (!target) return target;
    auto& credentials = target->credentials;
    credentials.keys = options_.keys;
    credentials.agent = agent_at(target->agent);
    if (target->identity_files.empty()) credentials.fallback_keys = options_.fallback_keys;
    std::optional<Error> useless;
    for (const auto& file : target->identity_files) {
      // A key file that is not there is passed over, as by ssh.
      auto key = configured_key(file, target->agent);
      if (key)
        credentials.keys.push_back(*key);
      else if (!useless && std::filesystem::exists(file))
        useless = Error{ErrorKind::auth, key.error().message};
    }
    if (!useless) return target;
    if (credentials.keys.empty() && !(credentials.agent && credentials.all_of_agent))
      return std::unexpected(std::move(*useless));
    if (reported_.insert(useless->message).second)
      spdlog::warn("a key of the ssh configuration is left out: {}", useless->message);
    return target;
  }

  Result<PrivateKey> configured_key(const std::filesystem::path& file, const std::string& agent) {
    // Once: the prompt for a passphrase, and 0.3 s for an encrypted OpenSSH key (bcrypt).
    const auto loaded = configured_keys_.find({file, agent});
    if (loaded != configured_keys_.end()) return loaded->second;
    return configured_keys_.emplace(std::pair(file, agent), load_private_key(file, options_.prompt, agent))
        .first->second;
  }

  std::shared_ptr<AgentGate> agent_at(const std::string& socket) {
    if (socket.empty()) return nullptr;
    auto& gate = agents_[socket];
    if (!gate) gate = std::make_shared<AgentGate>(socket);
    return gate;
  }

  LibsshOptions options_;
  HostKeys& host_keys_;
  asio::any_io_executor executor_;
  std::map<std::string, Jump> jumps_;
  std::map<std::pair<std::filesystem::path, std::string>, Result<PrivateKey>> configured_keys_;
  std::map<std::string, std::shared_ptr<AgentGate>> agents_;
  std::set<std::string> replaced_ways_;  ///< lines of ssh_config that -J replaces
  std::optional<Result<SshConfig>> ssh_config_;
  std::set<std::string> reported_;
};

}  // namespace

/// A configuration that cannot be read is reported by the first connection.
std::string agent_for(const LibsshOptions& options, const Node& node) {
  auto config = SshConfig::load(options.ssh_config, options.system_ssh_config);
  if (!config) return usual_agent();
  const ConfigQuery query{.host = node.address, .user = options.user};
  const auto found = host_settings(*config, query, {true, {}});
  return found && found->agent ? *found->agent : usual_agent();
}

std::unique_ptr<NamingConnector> make_libssh_connector(asio::any_io_executor executor, LibsshOptions options,
                                                       HostKeys& host_keys) {
  return std::make_unique<LibsshConnector>(std::move(executor), std::move(options), host_keys);
}

}  // namespace ec2mpi::ssh
