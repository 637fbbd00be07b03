#include "ec2mpi/ops/setup/setup_state.hpp"

#include <fmt/format.h>
#include <optional>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "ec2mpi/ops/node/facts.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "ec2mpi/ops/node/root_access.hpp"
#include "src/ops/setup/programs.hpp"
#include "src/ops/setup/trust_script.hpp"

namespace ec2mpi::ops {

namespace {

/// python3 and mpirun start, and cksum reads each file that setup wrote; a node with a busy disk takes many
/// seconds.
constexpr auto kPatience = std::chrono::seconds(60);
constexpr std::string_view kBegin = "ec2mpi-setup-state 1";
constexpr std::string_view kEnd = "ec2mpi-setup-state end";
constexpr std::string_view kStatePrefix = "state ";
constexpr std::string_view kSudoSaid = "sudo_said ";
constexpr std::string_view kPythonSaid = "python_said ";
constexpr std::size_t kMostSaid = 300;
/// Host keys of a node; sshd makes three.
constexpr std::size_t kMostKeys = 32;

/// One program of three parts, so that the first look costs one round trip. The parts run in subshells,
/// because each of them sets variables of its own and may end by `exit`.
std::string state_command() {
  return need_home_text("setup writes into its .ssh") +
         fmt::format("( {} )\n{}\n( {} )\necho '{}'\n", facts_script(),
                     std::string(sudo_words_text()).append(kSetupStateSh), trust_script({"states"}), kEnd);
}

std::unexpected<Error> not_understood(std::string_view line) {
  return fail(ErrorKind::remote_io, fmt::format("the node's answer about itself is not understood: '{}'",
                                                printable(line.substr(0, 80))));
}

/// The words of setup_state.sh.
std::optional<RootAccess> root_access(std::string_view word) {
  if (word == "self") return RootAccess::self;
  if (word == "sudo") return RootAccess::sudo;
  if (word == "password") return RootAccess::password;
  if (word == "none") return RootAccess::none;
  return std::nullopt;
}

/// "state NAME VALUE [FILE]", as trust.sh prints it. False for any other form.
bool read_state(std::string_view line, std::map<std::string, std::string>& states) {
  const auto fields = words(line);
  if (fields.size() < 3 || fields.size() > 4) return false;
  std::string value(fields[2]);
  if (fields.size() == 4) value.append(" ").append(fields[3]);
  // Each state once: a second line could contradict the first one.
  return states.emplace(fields[1], value).second;
}

/// False for a line that the programs do not print: an answer that is not understood in full is not believed
/// at all.
bool read_line(std::string_view line, SetupState& state) {
  if (line.starts_with(kStatePrefix)) return read_state(line, state.states);
  if (line.starts_with(kSudoSaid)) {
    state.sudo_said = printable(line.substr(kSudoSaid.size(), kMostSaid));
    return true;
  }
  if (line.starts_with(kPythonSaid)) {
    state.python_said = printable(line.substr(kPythonSaid.size(), kMostSaid));
    return true;
  }
  const auto fields = words(line);
  if (fields.size() == 3 && fields[0] == "host_key") {
    state.host_keys.push_back({std::string(fields[1]), std::string(fields[2])});
    // A hostile node must not fill the memory.
    return state.host_keys.size() <= kMostKeys;
  }
  if (fields.size() != 2) return false;
  const auto [name, value] = std::pair(fields[0], fields[1]);
  if (name == "user") {
    state.user = value;
    return is_user_name(value);
  }
  if (name == "port") {
    const auto port = parse_number(value);
    state.port = static_cast<std::uint16_t>(port.value_or(0));
    return port && *port > 0 && *port <= 65535;
  }
  if (name == "root") {
    const auto access = root_access(value);
    state.root = access.value_or(RootAccess::none);
    return access.has_value();
  }
  if (name == "headers") {
    state.mpi_headers = value == "yes";
    return true;
  }
  if (name == "packages") {
    state.package_manager = value == "none" ? "" : value;
    return value == "apt" || value == "dnf" || value == "none";
  }
  return false;
}

}  // namespace

std::string why_not_root(const SetupState& state) {
  if (state.root == RootAccess::password) {
    const std::string advice = "sudo wants a password, and --sudo asks for it";
    // Two sentences: something is wrong with its rules, which may be why it asks.
    return state.sudo_said.find("; ") == std::string::npos ? advice : advice + "; " + state.sudo_said;
  }
  return state.sudo_said.empty() ? "there is no sudo" : state.sudo_said;
}

/// The facts come first, then the lines between kBegin and kEnd. Without kEnd the connection was cut.
Result<SetupState> parse_setup_state(std::string_view printed) {
  SetupState state;
  TRY_AS(facts, parse_facts(printed));
  state.facts = std::move(*facts);
  bool begun = false;
  for (const auto line : split(trim(printed), '\n')) {
    if (begun && line == kEnd) {
      if (state.user.empty() || state.port == 0) return not_understood("no user, no port");
      return state;
    }
    if (begun && line == "root hangs")
      return fail(
          ErrorKind::remote_io,
          "sudo does not answer there within 15 s; a service that it asks for users or names (LDAP, DNS) "
          "may be down");
    if (begun && !read_line(line, state)) return not_understood(line);
    if (line == kBegin) begun = true;
  }
  return fail(ErrorKind::remote_io, "the node's answer about itself is cut off");
}

/// Other lines than states are left to other readers.
Result<std::map<std::string, std::string>> parse_states(std::string_view printed) {
  std::map<std::string, std::string> states;
  for (const auto line : split(trim(printed), '\n')) {
    if (line.starts_with(kStatePrefix) && !read_state(line, states)) return not_understood(line);
  }
  return states;
}

asio::awaitable<Result<SetupState>> ask_setup_state(ssh::Session& session, Limit limit) {
  const Limit patience = limit.at_most(kPatience);
  CO_TRY_AS(answer, co_await capture(session, state_command(), patience));
  auto state = parse_setup_state(answer->out);
  if (!state) co_return std::unexpected(with_complaint(state.error(), answer->err));
  co_return state;
}

}  // namespace ec2mpi::ops
