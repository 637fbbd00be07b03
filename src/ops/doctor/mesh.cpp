#include "ec2mpi/ops/doctor/mesh.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <optional>

#include "ec2mpi/base/text.hpp"
#include "src/ops/doctor/programs.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::size_t kAllPairs = 64;
constexpr std::size_t kLongestWords = 600;
constexpr std::string_view kHere = "ec2mpi-here";
constexpr std::string_view kEnd = "ec2mpi-logins end";

/// Arguments: INDEX=ADDRESS=HOSTNAME. Names first: a dead name server must not take the logins' time, so all
/// names together have ten seconds. Four logins at once, since sshd drops connections at ten (sshd_config(5),
/// MaxStartups). An address beginning with `-` can't be: they come from parse_ipv4.
constexpr const char* kLogins = R"sh(
export LC_ALL=C
exec </dev/null 2>/dev/null
limited() { if command -v timeout >/dev/null; then timeout "$@"; else shift; "$@"; fi; }
echo
end=$(($(date +%s) + 10))
command -v getent >/dev/null && for peer in "$@"; do
  [ "$(date +%s)" -ge "$end" ] && break
  rest=${peer#*=}
  [ -n "${rest#*=}" ] || continue
  echo "name ${peer%%=*} $(limited 5 getent ahostsv4 "${rest#*=}" | sed -n '1s/ .*//p')"
done
printf '%s\n' "$@" | xargs -n 1 -P 4 sh -c '
  rest=${1#*=}
  said=$(ssh -n -o BatchMode=yes -o ConnectTimeout=8 "${rest%%=*}" "echo ec2mpi-here" 2>&1)
  printf "%s\n" "login ${1%%=*} $? $(printf %s "$said" | tr "\n\t\r" "   " | cut -c 1-600)"' sh
echo "ec2mpi-logins end"
)sh";

/// Nothing for a name that a resolver, xargs or a shell could take for something else.
std::string plain_name(const std::string& hostname) {
  const auto odd = [](char c) {
    return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
             c == '_' || c == '-');
  };
  const bool plain = !hostname.starts_with('-') && std::none_of(hostname.begin(), hostname.end(), odd);
  return plain ? hostname : std::string();
}

struct Line {
  std::string_view kind;
  int index = 0;
  std::string_view rest;
};

/// "KIND INDEX REST".
std::optional<Line> parse_line(std::string_view line) {
  const auto first = line.find(' ');
  if (first == std::string_view::npos) return std::nullopt;
  const auto behind = line.substr(first + 1);
  const auto second = std::min(behind.find(' '), behind.size());
  const auto index = parse_number(behind.substr(0, second));
  if (!index || *index > 1'000'000) return std::nullopt;
  return Line{line.substr(0, first), static_cast<int>(*index), trim(behind.substr(second))};
}

std::unexpected<Error> not_understood(std::string_view line) {
  return fail(ErrorKind::remote_io, fmt::format("'{}' is no answer to what it was asked about the others",
                                                printable(line.substr(0, 80))));
}

Attempt name_attempt(std::string_view found, const MeshPeer& peer) {
  if (found == peer.address) return {true, {}};
  if (found.empty()) return {false, {}};
  return {false, fmt::format("{} is taken for {}", printable(peer.hostname), printable(found.substr(0, 40)))};
}

/// "STATUS WORDS".
Attempt login_attempt(std::string_view rest) {
  const auto gap = std::min(rest.find(' '), rest.size());
  const auto said = trim(rest.substr(gap));
  if (rest.substr(0, gap) == "0" && said.find(kHere) != std::string_view::npos)
    return {true, said == kHere ? std::string() : printable(said.substr(0, kLongestWords))};
  if (rest.substr(0, gap) == "0")
    return {false, "its login shell ends before the command (exit in ~/.bashrc?)"};
  return {false, said.empty() ? fmt::format("ssh ended with {}", printable(rest.substr(0, 4)))
                              : printable(said.substr(0, kLongestWords))};
}

}  // namespace

std::vector<std::size_t> peers_of(std::size_t own, std::size_t count) {
  std::vector<std::size_t> peers;
  const bool all = count <= kAllPairs || own == 0;
  for (std::size_t distance = 1; distance < count; distance = all ? distance + 1 : distance * 2)
    peers.push_back((own + distance) % count);
  if (!all && std::find(peers.begin(), peers.end(), 0U) == peers.end()) peers.push_back(0);
  return peers;
}

std::string tcp_command(int own_index, const std::string& own_address, const std::string& token) {
  return "exec python3 -u -c " +
         quote_words({std::string(kTcpMeshPy), std::to_string(own_index), own_address, token});
}

std::string tcp_targets(const std::vector<MeshPeer>& peers) {
  std::string text;
  for (const auto& peer : peers) text += fmt::format("{} {} {}\n", peer.index, peer.address, peer.port);
  return text + "go\n";
}

Result<std::uint16_t> parse_port(std::string_view printed) {
  constexpr std::string_view kPort = "port ";
  for (const auto line : split(printed, '\n')) {
    if (!line.starts_with(kPort)) continue;
    const auto port = parse_number(trim(line.substr(kPort.size())));
    if (port && *port > 0 && *port < 65536) return static_cast<std::uint16_t>(*port);
  }
  return fail(ErrorKind::remote_io, "the node could not listen for the others");
}

Result<Attempts> parse_tcp(std::string_view printed) {
  Attempts attempts;
  for (const auto line : split(printed, '\n')) {
    if (line == "done") return attempts;
    if (!line.starts_with("tcp ")) continue;
    const auto parsed = parse_line(line);
    if (!parsed) return not_understood(line);
    const bool ok = parsed->rest == "ok";
    attempts[parsed->index] = {ok, ok ? std::string() : printable(parsed->rest.substr(0, 120))};
  }
  return fail(ErrorKind::remote_io, "the node's answer about the others' ports is cut off");
}

std::string login_command(const std::vector<MeshPeer>& peers) {
  std::vector<std::string> words = {"exec", "sh", "-c", kLogins, "sh"};
  for (const auto& peer : peers)
    words.push_back(fmt::format("{}={}={}", peer.index, peer.address, plain_name(peer.hostname)));
  return quote_words(words);
}

Result<Logins> parse_logins(std::string_view printed, const std::vector<MeshPeer>& peers) {
  Logins answer{.names = {}, .logins = {}, .complete = false};
  for (const auto line : split(printed, '\n')) {
    if (line == kEnd) answer.complete = true;
    const auto parsed = parse_line(line);
    if (!parsed || (parsed->kind != "name" && parsed->kind != "login")) continue;
    const auto peer = std::find_if(peers.begin(), peers.end(),
                                   [&](const MeshPeer& each) { return each.index == parsed->index; });
    if (peer == peers.end()) return not_understood(line);
    if (parsed->kind == "name")
      answer.names[parsed->index] = name_attempt(parsed->rest, *peer);
    else
      answer.logins[parsed->index] = login_attempt(parsed->rest);
  }
  return answer;
}

}  // namespace ec2mpi::ops
