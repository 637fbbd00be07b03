#include "ec2mpi/ssh/libssh/libssh_transport.hpp"

#include <fmt/format.h>
#include <map>

#include "ec2mpi/base/sha256.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ssh/keepable_session.hpp"
#include "src/ssh/libssh/handshake.hpp"
#include "src/ssh/libssh/libssh_session.hpp"
#include "src/ssh/libssh/target.hpp"
#include "src/ssh/libssh/tcp.hpp"
#include "src/ssh/libssh/tunnel.hpp"

namespace ec2mpi::ssh {

namespace {

/// A jump host's session, connected by the first node that needs it; the others wait for that.
struct Jump {
  explicit Jump(asio::any_io_executor executor) : settled(std::move(executor)) {}

  Event settled;
  bool connecting = false;
  std::shared_ptr<Session> session;
};

bool is_alive(const Session& session) {
  const auto* keepable = dynamic_cast<const KeepableSession*>(&session);
  return keepable == nullptr || keepable->alive();
}

class LibsshConnector : public NamingConnector {
 public:
  LibsshConnector(asio::any_io_executor executor, LibsshOptions options, HostKeys& host_keys)
      : targets_(std::move(options)), host_keys_(host_keys), executor_(std::move(executor)) {}

  awaitable<Result<std::unique_ptr<Session>>> connect(const Node& node, Limit limit,
                                                      PhaseObserver on_phase) override {
    for (;;) {
      const auto opened_before = targets_.opened_keys();
      const auto time_before = targets_.time_asking();
      auto session = co_await connect_once(node, limit, on_phase);
      if (session) co_return session;
      const auto asking = targets_.time_asking() - time_before;
      const bool new_key = session.error().kind == ErrorKind::auth && targets_.opened_keys() != opened_before;
      // A question for a passphrase held up all logins, also those that would have been in time.
      const bool held_up = session.error().kind == ErrorKind::timeout && asking != Clock::duration::zero();
      if (!new_key && !held_up) co_return session;
      if (limit.deadline != Clock::time_point::max()) limit.deadline += asking;
    }
  }

  /// A hash of all that makes two sessions the same: host key name,
  /// user, host and port, and those of the jump host.
  Result<std::string> name_of(const Node& node) override {
    TRY_AS(target, targets_.target_of(node));
    auto text = describe(host_key_name(key_owner(node, *target)), *target);
    if (target->jump) {
      TRY_AS(jump, targets_.target_of_jump(*target->jump));
      text += describe("by", *jump);
    }
    return sha256(text).substr(0, 32);
  }

 private:
  awaitable<Result<std::unique_ptr<Session>>> connect_once(const Node& node, Limit limit,
                                                           const PhaseObserver& on_phase) {
    CO_TRY_AS(target, targets_.with_keys(targets_.target_of(node)));
    LoginRequest login{*target, node, host_keys_, on_phase};
    CO_TRY_AS(socket, co_await reach(login, limit));
    CO_TRY_AS(link, co_await log_in_or_open_keys(std::move(*socket), login, limit));
    // Where sshd allows no further program (MaxSessions), the session connects once more.
    co_return make_libssh_session(std::move(*link),
                                  [this, node](Limit again) { return connect(node, again, [](Phase) {}); });
  }

  /// Asks for a passphrase last, so that a key of the agent spares the question.
  awaitable<Result<std::shared_ptr<Link>>> log_in_or_open_keys(Link::Socket socket, const LoginRequest& login,
                                                               Limit limit) {
    auto link = co_await log_in(std::move(socket), login, limit);
    if (!link && link.error().kind == ErrorKind::auth)
      co_return std::unexpected(targets_.open_keys(login.target, link.error()));
    co_return link;
  }

  static std::string describe(const std::string& name, const Target& target) {
    return fmt::format("{}\n{}\n{}\n{}\n", name, target.user, target.host, target.port);
  }

  /// Fills in the request's `exchange`.
  awaitable<Result<Link::Socket>> reach(LoginRequest& login, Limit limit) {
    const auto& target = login.target;
    if (!target.jump) {
      auto socket = co_await connect_tcp(target.host, target.port, limit, login.on_phase);
      if (!socket) co_return std::unexpected(with_place_of_host(socket.error(), target));
      co_return socket;
    }
    login.on_phase(Phase::connecting);
    for (bool again = false;; again = true) {
      CO_TRY_AS(bastion, co_await jump_host(*target.jump, limit));
      const auto asked = Clock::now();
      auto socket = co_await open_tunnel(*bastion, target.host, target.port, limit);
      login.exchange = Clock::now() - asked;
      if (socket) co_return socket;
      if (is_alive(**bastion))
        co_return std::unexpected(with_place_of_host(behind_jump_host(socket.error()), target));
      // The session may have ended long ago, unnoticed because nobody used it.
      if (again) co_return std::unexpected(within_jump_host(*target.jump, socket.error()));
    }
  }

  /// Nobody who reads the list would find the host of an ssh_config there.
  static Error with_place_of_host(Error error, const Target& target) {
    if (!target.host_place.empty() && error.kind == ErrorKind::unreachable)
      error.message += fmt::format(" (HostName of {})", target.host_place);
    return error;
  }

  /// A limit that ran out on a jump host says nothing about the way from here to the node.
  static Error behind_jump_host(const Error& error) {
    return {error.kind == ErrorKind::timeout ? ErrorKind::unreachable : error.kind, error.message};
  }

  static Error within_jump_host(const Node& jump, const Error& error) {
    return behind_jump_host(error).within("jump host " + printable(jump.address));
  }

  awaitable<Result<std::shared_ptr<Session>>> jump_host(const Node& node, Limit limit) {
    auto& jump = jumps_.try_emplace(fmt::format("{}@{}:{}", node.user, node.address, node.port), executor_)
                     .first->second;
    while (jump.connecting) {
      const Wake wake = co_await jump.settled.wait(limit);
      if (wake != Wake::notified) {
        const auto why = wake_error(wake, "the jump host does not answer");
        co_return std::unexpected(behind_jump_host(why.error()));
      }
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
    CO_TRY_AS(target, targets_.with_keys(targets_.target_of_jump(node)));
    // The phases of the jump host are none of the node's.
    const PhaseObserver nobody = [](Phase) {};
    auto socket = co_await connect_tcp(target->host, target->port, limit, nobody);
    if (!socket) co_return std::unexpected(with_place_of_host(socket.error(), *target));
    LoginRequest login{*target, node, host_keys_, nobody};
    CO_TRY_AS(link, co_await log_in_or_open_keys(std::move(*socket), login, limit));
    co_return make_libssh_session(std::move(*link));
  }

  TargetFinder targets_;
  HostKeys& host_keys_;
  asio::any_io_executor executor_;
  std::map<std::string, Jump> jumps_;
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
