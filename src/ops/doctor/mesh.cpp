#include "ec2mpi/ops/doctor/mesh.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <optional>

#include "ec2mpi/base/text.hpp"
#include "src/ops/doctor/programs.hpp"

namespace ec2mpi::ops {

namespace {

/// Up to this number of nodes, all pairs are tried (docs/doctor.md).
constexpr std::size_t kAllPairs = 64;
constexpr std::size_t kLongestWords = 600;
constexpr std::string_view kHere = "ec2mpi-here";
constexpr std::string_view kNoDaemon = "no daemon";
constexpr std::string_view kEnd = "ec2mpi-logins end";

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
  return fail(ErrorKind::remote_io,
              fmt::format("'{}' is no answer about the other nodes", printable(line.substr(0, 80))));
}

std::string taken_for(std::string_view name, std::string_view address) {
  return fmt::format("{} is taken for {}", printable(name.substr(0, 255)), printable(address.substr(0, 40)));
}

Attempt name_attempt(std::string_view found, const MeshTarget& target) {
  if (found == target.address) return {true, {}};
  // Without text: the name is not known.
  if (found.empty()) return {false, {}};
  return {false, taken_for(target.hostname, found)};
}

/// "STATUS WORDS".
Attempt login_attempt(std::string_view rest) {
  const auto gap = std::min(rest.find(' '), rest.size());
  const auto said = trim(rest.substr(gap));
  // The echo has to arrive: a start-up file that exits ends with 0, too.
  if (rest.substr(0, gap) == "0" && said.find(kHere) != std::string_view::npos)
    return {true, said == kHere ? std::string() : printable(said.substr(0, kLongestWords))};
  if (rest.substr(0, gap) == "0")
    return {false, "its login shell ends before the command (exit in ~/.bashrc?)"};
  return {false, said.empty() ? fmt::format("ssh ended with {}", printable(rest.substr(0, 4)))
                              : printable(said.substr(0, kLongestWords))};
}

}  // namespace

std::vector<std::size_t> tcp_targets_of(std::size_t own, std::size_t count) {
  std::vector<std::size_t> targets;
  // Beyond kAllPairs at the distances 1, 2, 4, ..., so that the work of a node stays small.
  for (std::size_t distance = 1; distance < count;
       distance = count <= kAllPairs ? distance + 1 : distance * 2)
    targets.push_back((own + distance) % count);
  return targets;
}

std::vector<std::size_t> login_targets_of(std::size_t own, std::size_t count) {
  if (count <= kAllPairs) return tcp_targets_of(own, count);
  return {(own + 1) % count};
}

std::string tcp_command(int own_index, const std::string& own_address, const std::string& token) {
  // -u: the program's lines are waited for one by one, so they must not stay in its buffer.
  // -I: nothing of the user's changes it, neither PYTHONHOME nor a socket.py in the home.
  return "exec python3 -I -u -c " +
         quote_words({std::string(kTcpMeshPy), std::to_string(own_index), own_address, token});
}

std::string tcp_targets(const std::vector<MeshTarget>& targets) {
  std::string text;
  for (const auto& target : targets)
    text += fmt::format("{} {} {}\n", target.index, target.address, target.port);
  return text + "go\n";
}

Result<std::uint16_t> parse_port(std::string_view printed) {
  constexpr std::string_view kPort = "port ";
  for (const auto line : split(printed, '\n')) {
    if (!line.starts_with(kPort)) continue;
    const auto port = parse_number(trim(line.substr(kPort.size())));
    // The port is taken from the node's own answer, so its range is tested.
    if (port && *port > 0 && *port < 65536) return static_cast<std::uint16_t>(*port);
  }
  return fail(ErrorKind::remote_io, "the node could not listen for the other nodes");
}

Result<Attempts> parse_tcp(std::string_view printed) {
  Attempts attempts;
  for (const auto line : split(printed, '\n')) {
    // The last line; without it the answer is not whole.
    if (line == "done") return attempts;
    if (!line.starts_with("tcp ")) continue;
    const auto parsed = parse_line(line);
    if (!parsed) return not_understood(line);
    const bool ok = parsed->rest == "ok";
    attempts[parsed->index] = {ok, ok ? std::string() : printable(parsed->rest.substr(0, 120))};
  }
  return fail(ErrorKind::remote_io, "the node's answer about the other nodes' ports is cut off");
}

std::string login_command(const std::vector<MeshTarget>& targets, const std::string& daemon) {
  std::vector<std::string> words = {"exec", "sh", "-c", std::string(kTryLoginsSh), "sh", daemon};
  for (const auto& target : targets)
    words.push_back(fmt::format("{}={}={}", target.index, target.address, plain_name(target.hostname)));
  return quote_words(words);
}

Result<Logins> parse_logins(std::string_view printed, const std::vector<MeshTarget>& targets) {
  Logins answer{.names = {}, .logins = {}, .complete = false};
  for (const auto line : split(printed, '\n')) {
    // Results that stand above the end count, even if the end is missing.
    if (line == kEnd) answer.complete = true;
    if (line == kNoDaemon) answer.no_daemon = true;
    const auto parsed = parse_line(line);
    if (!parsed || (parsed->kind != "name" && parsed->kind != "alias" && parsed->kind != "login")) continue;
    const auto target = std::find_if(targets.begin(), targets.end(),
                                     [&](const MeshTarget& each) { return each.index == parsed->index; });
    if (target == targets.end()) return not_understood(line);
    if (parsed->kind == "name")
      answer.names[parsed->index] = name_attempt(parsed->rest, *target);
    else if (parsed->kind == "alias")
      answer.taken.insert(taken_for(first_word(parsed->rest).first, trim(first_word(parsed->rest).second)));
    else
      answer.logins[parsed->index] = login_attempt(parsed->rest);
  }
  return answer;
}

}  // namespace ec2mpi::ops
