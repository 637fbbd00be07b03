#include "ec2mpi/ops/setup/survey.hpp"

#include <fmt/format.h>
#include <optional>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "ec2mpi/ops/node/facts.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "src/ops/setup/trust_script.hpp"

namespace ec2mpi::ops {

namespace {

constexpr auto kPatience = std::chrono::seconds(60);
constexpr std::string_view kBegin = "ec2mpi-survey 1";
constexpr std::string_view kEnd = "ec2mpi-survey end";
constexpr std::string_view kStatePrefix = "state ";
constexpr std::size_t kMostKeys = 32;

/// `sudo -n true` fails where a password is wanted. SSH_CONNECTION: client address and port, server address
/// and port.
constexpr const char* kSurveyScript = R"sh(
exec </dev/null 2>/dev/null
set -- $SSH_CONNECTION
echo "ec2mpi-survey 1"
echo "user $(id -un)"
echo "port ${4:-22}"
if [ "$(id -u)" = 0 ]; then echo root self
elif ! command -v sudo >/dev/null; then echo root none
elif sudo -n true; then echo root sudo
else echo root password; fi
for f in /etc/ssh/ssh_host_*_key.pub; do
  [ ! -f "$f" ] || awk 'NR == 1 { print "host_key", $1, $2 }' "$f"
done
headers=no
for c in mpicc /usr/lib64/openmpi/bin/mpicc /usr/lib64/mpich/bin/mpicc /opt/amazon/openmpi/bin/mpicc /opt/amazon/openmpi5/bin/mpicc; do
  command -v "$c" >/dev/null && headers=yes
done
echo "headers $headers"
if command -v apt-get >/dev/null; then echo packages apt
elif command -v dnf >/dev/null; then echo packages dnf
else echo packages none; fi
)sh";

std::string survey_command() {
  return fmt::format("( {} )\n{}\n( {} )\necho '{}'\n", facts_script(), kSurveyScript,
                     trust_script({"states"}), kEnd);
}

std::unexpected<Error> not_understood(std::string_view line) {
  return fail(ErrorKind::remote_io, fmt::format("the node's answer about itself is not understood: '{}'",
                                                printable(line.substr(0, 80))));
}

std::optional<RootAccess> root_access(std::string_view word) {
  if (word == "self") return RootAccess::self;
  if (word == "sudo") return RootAccess::sudo;
  if (word == "password") return RootAccess::password;
  if (word == "none") return RootAccess::none;
  return std::nullopt;
}

bool take_state(std::string_view line, std::map<std::string, std::string>& states) {
  const auto fields = words(line);
  if (fields.size() < 3 || fields.size() > 4) return false;
  std::string value(fields[2]);
  if (fields.size() == 4) value.append(" ").append(fields[3]);
  return states.emplace(fields[1], value).second;
}

bool take(std::string_view line, Survey& survey) {
  if (line.starts_with(kStatePrefix)) return take_state(line, survey.states);
  const auto fields = words(line);
  if (fields.size() == 3 && fields[0] == "host_key") {
    survey.host_keys.push_back({std::string(fields[1]), std::string(fields[2])});
    return survey.host_keys.size() <= kMostKeys;
  }
  if (fields.size() != 2) return false;
  const auto [name, value] = std::pair(fields[0], fields[1]);
  if (name == "user") {
    survey.user = value;
    return is_user_name(value);
  }
  if (name == "port") {
    const auto port = parse_number(value);
    survey.port = static_cast<std::uint16_t>(port.value_or(0));
    return port && *port > 0 && *port <= 65535;
  }
  if (name == "root") {
    const auto access = root_access(value);
    survey.root = access.value_or(RootAccess::none);
    return access.has_value();
  }
  if (name == "headers") {
    survey.mpi_headers = value == "yes";
    return true;
  }
  if (name == "packages") {
    survey.package_manager = value == "none" ? "" : value;
    return value == "apt" || value == "dnf" || value == "none";
  }
  return false;
}

}  // namespace

Result<Survey> parse_survey(std::string_view printed) {
  Survey survey;
  TRY_AS(facts, parse_facts(printed));
  survey.facts = std::move(*facts);
  bool begun = false;
  for (const auto line : split(trim(printed), '\n')) {
    if (begun && line == kEnd) {
      if (survey.user.empty() || survey.port == 0) return not_understood("no user, no port");
      return survey;
    }
    if (begun && !take(line, survey)) return not_understood(line);
    if (line == kBegin) begun = true;
  }
  return fail(ErrorKind::remote_io, "the node's answer about itself is cut off");
}

Result<std::map<std::string, std::string>> parse_states(std::string_view printed) {
  std::map<std::string, std::string> states;
  for (const auto line : split(trim(printed), '\n')) {
    if (line.starts_with(kStatePrefix) && !take_state(line, states)) return not_understood(line);
  }
  return states;
}

asio::awaitable<Result<Survey>> survey(ssh::Session& session, Limit limit) {
  const Limit patience = limit.at_most(kPatience);
  CO_TRY_AS(answer, co_await capture(session, survey_command(), patience));
  co_return parse_survey(answer->out);
}

}  // namespace ec2mpi::ops
