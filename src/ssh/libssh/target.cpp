#include "src/ssh/libssh/target.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <array>
#include <ranges>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/address.hpp"

namespace ec2mpi::ssh {

namespace {

/// An address as it is connected to: getaddrinfo(3) reads octal parts and an IPv4 address in IPv6's form. A
/// name as it is.
std::string in_one_spelling(const std::string& host) {
  addrinfo wanted{};
  wanted.ai_flags = AI_NUMERICHOST;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* read = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &wanted, &read) != 0) return lower_case(host);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> found(read, ::freeaddrinfo);
  std::array<char, NI_MAXHOST> text{};
  const auto status = ::getnameinfo(found->ai_addr, found->ai_addrlen, text.data(),
                                    static_cast<socklen_t>(text.size()), nullptr, 0, NI_NUMERICHOST);
  const std::string spelled = status == 0 ? text.data() : host;
  const auto spec = parse_host_spec(spelled);
  return spec ? spec->host : spelled;
}

/// Equal for two targets only if one sshd answers at both. Behind different jump hosts a private address may
/// mean two machines.
std::string machine_of(const Target& target) {
  const auto host = in_one_spelling(target.host);
  const bool is_public = is_ipv4(host) && !is_private_ipv4(host);
  const bool depends_on_way = target.jump && !is_public;
  return fmt::format("{} {} {}", host, target.port, depends_on_way ? target.jump->address : "");
}

}  // namespace

TargetFinder::TargetFinder(LibsshOptions options, Reports reports)
    : options_(std::move(options)), reports_(reports) {
  if (!options_.prompt) return;
  options_.prompt = [prompt = std::move(options_.prompt), time = time_asking_](const auto& file) {
    const auto began = Clock::now();
    auto passphrase = prompt(file);
    *time += Clock::now() - began;
    return passphrase;
  };
}

Node key_owner(Node node, const Target& target) {
  if (target.key_alias.empty()) return node;
  node.address = target.key_alias;
  // ssh looks up an alias without a port.
  node.port = 0;
  return node;
}

Result<Target> TargetFinder::target_of(const Node& node) {
  HostSettings configured;
  TRY_AS(target, target_with_jump(node, configured));
  report_unused(configured);
  if (options_.jump && !configured.way_place.empty()) replaced_ways_.insert(configured.way_place);
  TRY(check_machine(node, *target));
  return target;
}

Result<Target> TargetFinder::target_with_jump(const Node& node, HostSettings& configured) {
  TRY_AS(target, target_without_jump(node, Role::node, configured));
  if (options_.jump)
    target->jump = options_.jump;
  else if (configured.jump && configured.jump->address != node.address)
    target->jump = std::move(configured.jump);
  return target;
}

Result<void> TargetFinder::check_machine(const Node& node, const Target& target) {
  // Two names may mean one machine, two addresses do not.
  if (target.host_place.empty() || !is_numeric_address(node.address)) return {};
  if (in_one_spelling(target.host) == in_one_spelling(node.address)) return {};
  if (!machines_) machines_ = machines_of_list();
  const auto [begin, end] = machines_->equal_range(machine_of(target));
  for (const auto& [machine, other] : std::ranges::subrange(begin, end)) {
    if (other.address == node.address) continue;
    return fail(ErrorKind::usage,
                fmt::format("{}: this HostName leads to the machine of {} ({}); change it or its Host line, "
                            "or pass -F none",
                            target.host_place, other.label(), other.address));
  }
  return {};
}

/// A node whose settings are not understood is left out: its own connection reports them.
std::multimap<std::string, Node> TargetFinder::machines_of_list() {
  std::multimap<std::string, Node> machines;
  for (const auto& node : options_.listed) {
    HostSettings unused;
    if (!is_numeric_address(node.address)) continue;
    if (const auto target = target_with_jump(node, unused)) machines.emplace(machine_of(*target), node);
  }
  return machines;
}

/// What ssh_config says for all hosts holds for the jump host too, so it may be named as the way to itself.
/// A line that -J replaces for the nodes is replaced for the jump host as well.
Result<Target> TargetFinder::target_of_jump(const Node& node) {
  HostSettings configured;
  auto target = target_without_jump(node, Role::jump_host, configured);
  if (target) report_unused(configured);
  if (target && configured.jump && configured.jump->address != node.address) {
    return fail(ErrorKind::usage, fmt::format("{}: another jump host for it, {}; only one can be used",
                                              configured.way_place, printable(configured.jump->address)));
  }
  return target;
}

/// As for ssh, the flags -l and -p do not hold for a jump host.
Result<Target> TargetFinder::target_without_jump(const Node& node, Role role, HostSettings& configured) {
  ConfigQuery query{.host = node.address};
  if (role == Role::node) query.user = options_.user;
  if (role == Role::node) query.port = options_.port;
  if (!node.user.empty()) query.user = node.user;
  if (node.port != 0) query.port = node.port;
  TRY_AS(config, ssh_config());
  TRY_AS(found, host_settings(**config, query, {role == Role::node && options_.jump, replaced_ways_}));
  configured = std::move(*found);
  Target target{.role = role, .host = configured.host_name, .host_place = configured.host_place};
  target.port = query.port.value_or(configured.port.value_or(kDefaultPort));
  target.user = query.user.value_or(configured.user.value_or(std::string(kDefaultUser)));
  target.key_alias = configured.key_alias;
  target.strict = configured.strict;
  target.identity_files = std::move(configured.identity_files);
  target.configured_agent = configured.agent;
  target.credentials.all_of_agent = !configured.identities_only;
  return target;
}

Result<SshConfig*> TargetFinder::ssh_config() {
  // Read at the first connection; an error is kept, too, and reported for each node.
  if (!ssh_config_) ssh_config_ = SshConfig::load(options_.ssh_config, options_.system_ssh_config);
  if (!*ssh_config_) return std::unexpected(ssh_config_->error());
  return &**ssh_config_;
}

/// One line for each set of them: a thousand nodes have the same. Nobody asked for those of the system.
void TargetFinder::report_unused(const HostSettings& configured) {
  if (reports_ == Reports::none) return;
  report_once(spdlog::level::warn, configured.unused);
  report_once(spdlog::level::info, configured.unused_of_system);
}

void TargetFinder::report_once(spdlog::level::level_enum level, const std::vector<std::string>& unused) {
  if (unused.empty()) return;
  const auto list = join(unused, ", ");
  if (reported_.insert(list).second)
    spdlog::log(level,
                "not used of the ssh configuration: {}; see ec2mpi help ssh-configuration, or pass -F none",
                list);
}

/// A key of the configuration that is of no use here does not stand in the way of
/// others.
Result<Target> TargetFinder::with_keys(Result<Target> target) {
  if (!target) return target;
  auto& credentials = target->credentials;
  credentials.keys = options_.keys;
  credentials.agent = agent_at(target->agent());
  if (target->identity_files.empty()) credentials.fallback_keys = options_.fallback_keys;
  std::optional<Error> useless;
  for (const auto& file : target->identity_files) {
    // A key file that is not there is passed over, as by ssh.
    auto key = configured_key(file, target->agent());
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

Error TargetFinder::open_keys(const Target& target, Error refusal) {
  for (const auto& key : target.credentials.keys) {
    if (!is_closed(key)) continue;
    if (auto opened = open_closed_key(key, options_.prompt))
      ++opened_keys_;
    else
      refusal.message += "; " + opened.error().message;
  }
  return refusal;
}

Result<PrivateKey> TargetFinder::configured_key(const std::filesystem::path& file, const std::string& agent) {
  // Once: the prompt for a passphrase, and 0.3 s for an encrypted OpenSSH key (bcrypt).
  const auto loaded = configured_keys_.find({file, agent});
  if (loaded != configured_keys_.end()) return loaded->second;
  return configured_keys_.emplace(std::pair(file, agent), load_private_key(file, options_.prompt, agent))
      .first->second;
}

std::shared_ptr<AgentGate> TargetFinder::agent_at(const std::string& socket) {
  if (socket.empty()) return nullptr;
  auto& gate = agents_[socket];
  if (!gate) gate = std::make_shared<AgentGate>(socket);
  return gate;
}

}  // namespace ec2mpi::ssh
