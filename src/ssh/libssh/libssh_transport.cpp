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
#include "src/ssh/libssh/libssh_session.hpp"
#include "src/ssh/libssh/link.hpp"
#include "src/ssh/libssh/private_key.hpp"
#include "src/ssh/libssh/tcp.hpp"
#include "src/ssh/libssh/tunnel.hpp"
#include "src/ssh/libssh/user_config.hpp"

namespace ec2mpi::ssh {

namespace {

constexpr std::uint16_t kDefaultPort = 22;
constexpr std::string_view kDefaultUser = "ubuntu";

/// Fast curves first: libssh spends 18 ms on a classic 4096-bit group where these take under one.
constexpr const char* kKeyExchange =
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
    "diffie-hellman-group16-sha512,diffie-hellman-group14-sha256";

/// In the order of preference; what a node showed before goes to the front, for only that can be compared.
const std::vector<std::string> kHostKeyTypes = {"ssh-ed25519",         "ecdsa-sha2-nistp256",
                                                "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
                                                "rsa-sha2-512",        "rsa-sha2-256"};

/// Where and as whom to connect, after the list, the flags and ssh_config have spoken.
struct Target {
  std::string host = {};
  std::uint16_t port = kDefaultPort;
  std::string user = {};
  std::vector<PrivateKey> keys = {};
  std::vector<std::filesystem::path> identity_files = {};
  std::optional<Node> jump = {};
  std::string key_alias = {};  ///< of ssh_config; stands for the address where the list gives no instance id
  std::optional<std::string> agent = {};  ///< a socket, or "none"; unset: $SSH_AUTH_SOCK
  bool strict = false;                    ///< ssh_config accepts known host keys only
};

/// Whose host key is asked for.
Node key_owner(Node node, const Target& target) {
  if (target.key_alias.empty()) return node;
  node.address = target.key_alias;
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
  Handshake(std::shared_ptr<Link> link, const Target& target, const Node& node, HostKeys& host_keys,
            bool use_agent, const std::vector<PrivateKey>& fallback_keys)
      : link_(std::move(link)),
        target_(target),
        node_(key_owner(node, target)),
        host_keys_(host_keys),
        use_agent_(use_agent && target.agent != "none"),
        fallback_keys_(fallback_keys) {}

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
    ::ssh_options_set(session(), SSH_OPTIONS_PROCESS_CONFIG, &no);
    set(SSH_OPTIONS_HOST, target_.host.c_str());
    set(SSH_OPTIONS_USER, target_.user.c_str());
    set(SSH_OPTIONS_SSH_DIR, "/nonexistent");
    set(SSH_OPTIONS_KNOWNHOSTS,
        "/dev/null");  // HostKeys judges; libssh would read the files for every session
    set(SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
    set(SSH_OPTIONS_KEY_EXCHANGE, kKeyExchange);
    set(SSH_OPTIONS_HOSTKEYS, host_key_algorithms().c_str());
    if (target_.agent && use_agent_) set(SSH_OPTIONS_IDENTITY_AGENT, target_.agent->c_str());
  }

  [[nodiscard]] std::string host_key_algorithms() const {
    const auto known = host_keys_.known_types(node_);
    std::string list;
    for (const auto& algorithm : kHostKeyTypes) {
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
    link_->make_nonblocking();
    co_return Result<void>{};
  }

  [[nodiscard]] Error why_no_connection() const {
    const std::string_view said = ::ssh_get_error(session());
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
    std::string tried;
    for (const auto& key : target_.keys) {
      CO_TRY_AS(done, co_await attempt_key(key, limit, tried));
      if (*done) co_return Result<void>{};
    }
    if (use_agent_) {
      tried += tried.empty() ? "the agent" : ", the agent";
      CO_TRY_AS(done, co_await attempt(limit, [&] { return ::ssh_userauth_agent(session(), nullptr); }));
      if (*done) co_return Result<void>{};
    }
    for (const auto& key : fallback_keys_) {
      CO_TRY_AS(done, co_await attempt_key(key, limit, tried));
      if (*done) co_return Result<void>{};
    }
    if (tried.empty()) co_return fail(ErrorKind::auth, "no key to log in with; name your .pem file with -i");
    co_return fail(ErrorKind::auth, why_refused(tried));
  }

  awaitable<Result<bool>> attempt_key(const PrivateKey& key, Limit limit, std::string& tried) {
    tried += (tried.empty() ? "" : ", ") + printable(key.file().filename().string());
    auto done = co_await attempt(
        limit, [&] { return ::ssh_userauth_publickey(session(), nullptr, key.impl().key.get()); });
    co_return done;
  }

  [[nodiscard]] std::string why_refused(const std::string& tried) const {
    const auto user = printable(target_.user);
    const auto offered = ::ssh_userauth_list(session(), nullptr);
    if (accepted_in_part_) {
      return fmt::format(
          "the server takes the key of user {} and asks for a second factor ({}), which ec2mpi cannot give; "
          "let its "
          "sshd be content with the key (AuthenticationMethods publickey)",
          user, method_names(offered));
    }
    if (offered != 0 && (static_cast<unsigned>(offered) & SSH_AUTH_METHOD_PUBLICKEY) == 0) {
      return fmt::format("its sshd takes no keys from user {}, only {}; it needs PubkeyAuthentication yes",
                         user, method_names(offered));
    }
    return fmt::format(
        "login refused for user {} with {}; wrong key (-i) or user? (-l ubuntu, ec2-user, admin, rocky)",
        user, tried);
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
  bool use_agent_;
  const std::vector<PrivateKey>& fallback_keys_;
  bool accepted_in_part_ = false;  ///< a key was right, and the server wants more
};

class LibsshConnector : public NamingConnector {
 public:
  LibsshConnector(asio::any_io_executor executor, LibsshOptions options, HostKeys& host_keys)
      : options_(std::move(options)), host_keys_(host_keys), executor_(std::move(executor)) {
    if (std::getenv("SSH_AUTH_SOCK") == nullptr) options_.use_agent = false;
  }

  awaitable<Result<std::unique_ptr<Session>>> connect(const Node& node, Limit limit,
                                                      PhaseObserver on_phase) override {
    CO_TRY_AS(target, with_keys(target_of(node)));
    std::optional<Clock::duration> exchange;
    CO_TRY_AS(socket, co_await reach(*target, limit, on_phase, exchange));
    auto session = co_await log_in(std::move(*socket), exchange, *target, node, limit, on_phase);
    co_return session;
  }

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

  /// `exchange`: what it took to ask and be answered once, over the jump host.
  awaitable<Result<Link::Socket>> reach(const Target& target, Limit limit, const PhaseObserver& on_phase,
                                        std::optional<Clock::duration>& exchange) {
    if (!target.jump) {
      auto socket = co_await connect_tcp(target.host, target.port, limit, on_phase);
      co_return socket;
    }
    on_phase(Phase::connecting);
    CO_TRY_AS(bastion, co_await jump_host(*target.jump, limit));
    const auto asked = Clock::now();
    auto socket = co_await open_tunnel(*bastion, target.host, target.port, limit);
    exchange = Clock::now() - asked;
    co_return socket;
  }

  awaitable<Result<std::unique_ptr<Session>>> log_in(Link::Socket socket,
                                                     std::optional<Clock::duration> exchange,
                                                     const Target& target, const Node& node, Limit limit,
                                                     const PhaseObserver& on_phase) {
    CO_TRY_AS(link, Link::over(std::move(socket)));
    if (exchange) (*link)->note_exchange(*exchange);
    Handshake handshake(*link, target, node, host_keys_, options_.use_agent, options_.fallback_keys);
    CO_TRY(co_await handshake.run(limit, on_phase));
    (*link)->notice_loss_in(Link::kPatience);
    spdlog::debug("{}: logged in to {}@{}:{}", node.label(), target.user, target.host, target.port);
    co_return make_libssh_session(*link);
  }

  awaitable<Result<std::shared_ptr<Session>>> jump_host(const Node& node, Limit limit) {
    auto& jump = jumps_.try_emplace(fmt::format("{}@{}:{}", node.user, node.address, node.port), executor_)
                     .first->second;
    while (jump.connecting) {
      const Wake wake = co_await jump.settled.wait(limit);
      if (wake != Wake::notified) co_return wake_error(wake, "the jump host does not answer");
    }
    if (!jump.session) {
      jump.connecting = true;
      auto connected = co_await connect_jump(node, limit);
      jump.connecting = false;
      jump.settled.notify_all();
      if (!connected)
        co_return std::unexpected(connected.error().within("jump host " + printable(node.address)));
      jump.session = std::move(*connected);
    }
    co_return jump.session;
  }

  awaitable<Result<std::unique_ptr<Session>>> connect_jump(const Node& node, Limit limit) {
    CO_TRY_AS(target, with_keys(target_of_jump(node)));
    const PhaseObserver nobody = [](Phase) {};
    CO_TRY_AS(socket, co_await connect_tcp(target->host, target->port, limit, nobody));
    auto session = co_await log_in(std::move(*socket), std::nullopt, *target, node, limit, nobody);
    co_return session;
  }

  /// The list's own words first, then flags and settings, then ssh_config, then the defaults. Without keys:
  /// `identity_files` are what ssh_config names.
  Result<Target> target_of(const Node& node) {
    HostSettings configured;
    auto target = target_without_jump(node, configured);
    if (!target || options_.jump) {
      if (target) target->jump = options_.jump;
      return target;
    }
    if (configured.jump && configured.jump->address != node.address)
      target->jump = std::move(configured.jump);
    return target;
  }

  /// What ssh_config says for all hosts holds for the jump host too, so it may be named as the way to itself.
  Result<Target> target_of_jump(const Node& node) {
    HostSettings configured;
    auto target = target_without_jump(node, configured);
    if (target && configured.jump && configured.jump->address != node.address) {
      return fail(ErrorKind::usage,
                  fmt::format("ssh_config names another jump host for it, {}; only one can be used",
                              printable(configured.jump->address)));
    }
    return target;
  }

  Result<Target> target_without_jump(const Node& node, HostSettings& configured) {
    Target target{.host = node.address, .user = std::string(kDefaultUser)};
    if (!options_.ssh_config.empty()) {
      TRY_AS(config, ssh_config());
      const auto user = node.user.empty() ? options_.user : std::optional(node.user);
      TRY_AS(found, host_settings(**config, {node.address, user}));
      configured = std::move(*found);
      report_unused(configured);
      target.host = configured.host_name;
    }
    target.port = node.port != 0 ? node.port : options_.port.value_or(configured.port.value_or(kDefaultPort));
    target.user =
        !node.user.empty() ? node.user : options_.user.value_or(configured.user.value_or(target.user));
    target.identity_files = configured.identity_files;
    target.key_alias = configured.key_alias;
    target.strict = configured.strict;
    target.agent = configured.agent;
    if (configured.identities_only && !encrypted_in_agent(configured.identity_files)) target.agent = "none";
    return target;
  }

  /// A key whose file is encrypted can be used by way of the agent only.
  static bool encrypted_in_agent(const std::vector<std::filesystem::path>& files) {
    return std::any_of(files.begin(), files.end(), agent_has_encrypted_key);
  }

  Result<SshConfig*> ssh_config() {
    if (!ssh_config_) ssh_config_ = SshConfig::load(options_.ssh_config);
    if (!*ssh_config_) return std::unexpected(ssh_config_->error());
    return &**ssh_config_;
  }

  /// One line for each set of them: a thousand nodes have the same.
  void report_unused(const HostSettings& configured) {
    if (configured.unused.empty()) return;
    const auto list = join(configured.unused, ", ");
    if (reported_.insert(list).second)
      spdlog::warn("not used of the ssh configuration: {}; see docs/connections.md, or pass -F none", list);
  }

  /// May ask for a passphrase. A key of the configuration that is of no use here does not stand in the way of
  /// others.
  Result<Target> with_keys(Result<Target> target) {
    if (!target) return target;
    target->keys = options_.keys;
    std::optional<Error> useless;
    for (const auto& file : target->identity_files) {
      if (!std::filesystem::exists(file) || (options_.use_agent && agent_has_encrypted_key(file))) continue;
      auto key = configured_key(file);
      if (key)
        target->keys.push_back(*key);
      else if (!useless)
        useless = Error{ErrorKind::auth, key.error().message};
    }
    if (!useless) return target;
    if (target->keys.empty() && !(options_.use_agent && target->agent != "none"))
      return std::unexpected(std::move(*useless));
    if (reported_.insert(useless->message).second)
      spdlog::warn("a key of the ssh configuration is left out: {}", useless->message);
    return target;
  }

  Result<PrivateKey> configured_key(const std::filesystem::path& file) {
    const auto loaded = configured_keys_.find(file);
    if (loaded != configured_keys_.end()) return loaded->second;
    return configured_keys_.emplace(file, load_private_key(file, options_.prompt)).first->second;
  }

  LibsshOptions options_;
  HostKeys& host_keys_;
  asio::any_io_executor executor_;
  std::map<std::string, Jump> jumps_;
  std::map<std::filesystem::path, Result<PrivateKey>> configured_keys_;
  std::optional<Result<SshConfig>> ssh_config_;
  std::set<std::string> reported_;
};

}  // namespace

std::unique_ptr<NamingConnector> make_libssh_connector(asio::any_io_executor executor, LibsshOptions options,
                                                       HostKeys& host_keys) {
  return std::make_unique<LibsshConnector>(std::move(executor), std::move(options), host_keys);
}

}  // namespace ec2mpi::ssh
