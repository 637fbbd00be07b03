#include "src/ssh/libssh/agent_keys.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <cstdlib>
#include <optional>

#include "ec2mpi/base/file.hpp"
#include "src/ssh/libssh/wire.hpp"

namespace ec2mpi::ssh {

namespace {

constexpr char kRequestIdentities = 11;
constexpr char kIdentitiesAnswer = 12;
constexpr std::uint32_t kLargestAnswer = 256 * 1024;  ///< as OpenSSH
constexpr timeval kPatience{2, 0};

bool read_exactly(int fd, char* to, std::size_t size) {
  while (size > 0) {
    const auto got = ::read(fd, to, size);
    if (got <= 0) return false;
    to += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

UniqueFd connect_to_agent() {
  const char* path = std::getenv("SSH_AUTH_SOCK");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path == nullptr || std::string_view(path).size() >= sizeof address.sun_path) return {};
  std::string_view(path).copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return socket;
}

}  // namespace

Result<std::vector<AgentKey>> parse_agent_answer(std::string_view answer) {
  const auto broken = [] { return fail(ErrorKind::protocol, "the ssh agent's answer is not understood"); };
  if (!answer.starts_with(kIdentitiesAnswer)) return broken();
  WireReader reader(answer.substr(1));
  const auto count = reader.number();
  std::vector<AgentKey> keys;
  for (std::uint32_t i = 0; count && i < *count; ++i) {
    const auto blob = reader.text();
    const auto comment = reader.text();
    if (!blob || !comment) return broken();
    keys.push_back({std::string(*blob), std::string(*comment)});
  }
  if (!count) return broken();
  return keys;
}

std::vector<AgentKey> keys_in_agent() {
  const auto agent = connect_to_agent();
  if (!agent) return {};
  const char question[] = {0, 0, 0, 1, kRequestIdentities};
  std::string size(4, '\0');
  if (::send(agent.get(), question, sizeof question, MSG_NOSIGNAL) != sizeof question) return {};
  if (!read_exactly(agent.get(), size.data(), size.size())) return {};
  const auto length = WireReader(size).number();
  if (!length || *length > kLargestAnswer) return {};
  std::string answer(*length, '\0');
  if (!read_exactly(agent.get(), answer.data(), answer.size())) return {};
  return parse_agent_answer(answer).value_or(std::vector<AgentKey>{});
}

}  // namespace ec2mpi::ssh
