#include "src/ssh/libssh/agent.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <thread>

#include "src/ssh/libssh/wire.hpp"

namespace ec2mpi::ssh {

namespace {

/// Types of messages in the agent's protocol (OpenSSH's PROTOCOL.agent).
constexpr char kFailure = 5;
constexpr char kRequestIdentities = 11;
constexpr char kIdentitiesAnswer = 12;
constexpr char kSignRequest = 13;
constexpr std::uint32_t kLargestMessage = 256 * 1024;  ///< as OpenSSH
constexpr timeval kPatienceForList{2, 0};
/// A person may have to confirm. libssh waits on the event loop meanwhile, so not for longer.
constexpr timeval kPatienceForSignature{10, 0};

bool read_exactly(int fd, std::string& to) {
  for (std::size_t done = 0; done < to.size();) {
    const auto got = ::read(fd, to.data() + done, to.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += static_cast<std::size_t>(got);
  }
  return true;
}

/// Nothing at the stream's end, after the socket's time limit, or for an impossible length.
std::optional<std::string> read_message(int fd) {
  std::string size(4, '\0');
  if (!read_exactly(fd, size)) return std::nullopt;
  const auto length = WireReader(size).number();
  if (!length || *length == 0 || *length > kLargestMessage) return std::nullopt;
  std::string message(*length, '\0');
  if (!read_exactly(fd, message)) return std::nullopt;
  return message;
}

/// With its length in front. False if the other end is gone.
bool write_message(int fd, std::string_view message) {
  const auto framed = wire_text(message);
  for (std::size_t done = 0; done < framed.size();) {
    const auto sent = ::send(fd, framed.data() + done, framed.size() - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    done += static_cast<std::size_t>(sent);
  }
  return true;
}

UniqueFd connect_to_agent(const std::string& path, const timeval& patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return {};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // A frozen agent must not hold the event loop for ever.
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return socket;
}

/// Nothing if the agent is not there, breaks off or is too slow.
std::optional<std::string> ask_agent(const std::string& path, std::string_view request,
                                     const timeval& patience) {
  const auto agent = connect_to_agent(path, patience);
  if (!agent || !write_message(agent.get(), request)) return std::nullopt;
  return read_message(agent.get());
}

std::string identities_answer(const std::vector<AgentKey>& keys) {
  std::string answer(1, kIdentitiesAnswer);
  answer += wire_number(static_cast<std::uint32_t>(keys.size()));
  for (const auto& key : keys) answer += wire_text(key.blob) + wire_text(key.comment);
  return answer;
}

/// Answers at one end of a socket pair until the other end is closed. Only the list and signatures are let
/// through.
void answer_at(const UniqueFd& end, const std::string& identities, const std::string& agent) {
  bool agent_answers = true;
  while (const auto request = read_message(end.get())) {
    std::string answer(1, kFailure);
    if (request->front() == kRequestIdentities) {
      answer = identities;
    } else if (request->front() == kSignRequest && agent_answers) {
      auto signature = ask_agent(agent, *request, kPatienceForSignature);
      // An agent that has failed is not asked again, as each question may take ten seconds.
      agent_answers = signature.has_value();
      if (signature) answer = std::move(*signature);
    }
    if (!write_message(end.get(), answer)) return;
  }
}

/// The thread needs nothing of ours and ends with the socket pair, so nobody waits for it: a fork of this
/// process does not have it. Signals are for the other threads.
bool start_answering(UniqueFd end, std::string identities, std::string agent) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = true;
  try {
    std::thread([end = std::move(end), identities = std::move(identities), agent = std::move(agent)] {
      answer_at(end, identities, agent);
    }).detach();
  } catch (const std::system_error&) {
    started = false;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

}  // namespace

Result<std::vector<AgentKey>> parse_agent_answer(std::string_view answer) {
  const auto broken = [] { return fail(ErrorKind::protocol, "the ssh agent's answer is not understood"); };
  if (!answer.starts_with(kIdentitiesAnswer)) return broken();
  WireReader reader(answer.substr(1));
  const auto count = reader.number();
  std::vector<AgentKey> keys;
  // A false count ends at the first key that is not there; no memory is reserved for it.
  for (std::uint32_t i = 0; count && i < *count; ++i) {
    const auto blob = reader.text();
    const auto comment = reader.text();
    if (!blob || !comment) return broken();
    keys.push_back({std::string(*blob), std::string(*comment)});
  }
  if (!count) return broken();
  return keys;
}

std::optional<std::vector<AgentKey>> keys_in_agent(const std::string& socket) {
  const auto answer = ask_agent(socket, std::string_view(&kRequestIdentities, 1), kPatienceForList);
  if (!answer) return std::nullopt;
  auto keys = parse_agent_answer(*answer);
  return keys ? std::optional(std::move(*keys)) : std::nullopt;
}

/// Asked once, for all logins of the command.
const std::optional<std::vector<AgentKey>>& AgentGate::held() {
  if (!asked_) held_ = keys_in_agent(socket_);
  asked_ = true;
  return held_;
}

const std::vector<AgentKey>& AgentGate::keys() {
  static const std::vector<AgentKey> kNone;
  return held() ? *held_ : kNone;
}

UniqueFd AgentGate::open(const std::vector<std::string>& blobs) {
  // libssh offers all keys that an agent shows, so a door shows only those of this login.
  auto& door = doors_[blobs];
  if (!door) {
    std::vector<AgentKey> shown;
    for (const auto& key : keys())
      if (std::find(blobs.begin(), blobs.end(), key.blob) != blobs.end()) shown.push_back(key);
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return {};
    UniqueFd near_end(ends[0]);
    if (!start_answering(UniqueFd(ends[1]), identities_answer(shown), socket_)) return {};
    door = std::move(near_end);
  }
  // libssh asks and reads the answer in one call, so all sessions can share a door.
  return UniqueFd(::fcntl(door.get(), F_DUPFD_CLOEXEC, 0));
}

}  // namespace ec2mpi::ssh
