#include "ec2mpi/cli/session/cluster_setup.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/reach_memory.hpp"
#include "ec2mpi/cli/terminal/passphrase.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cluster/list/list_memory.hpp"
#include "ec2mpi/cluster/values/selection.hpp"
#include "ec2mpi/ops/setup/member.hpp"
#include "ec2mpi/ssh/libssh/jump_host.hpp"

namespace ec2mpi::cli {

namespace {

namespace fs = std::filesystem;

/// A bastion's uplink is shared by all handshakes, and its sshd may be small.
constexpr std::size_t kHandshakesThroughJump = 8;

/// In ssh's grammar: an alias of the ssh configuration may be a word that is no host in a list.
Result<Node> parse_jump_host(const std::string& text) {
  auto node = ssh::jump_of_words(text);
  if (node) return std::move(*node);
  // Slurm's -J is a job's name. The text may hold a password, so it is not shown.
  return fail(ErrorKind::usage,
              "-J takes one host to go through: [user@]host[:port]; a job has its name from [jobs.NAME]");
}

bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

constexpr const char* kFailures = "failed";
constexpr const char* kLastJob = "last_job";

constexpr std::size_t kShownChanges = 10;  ///< of a list; all addresses of 100,000 nodes can move at once

/// The keys of the nodes that failed last, one a line.
Result<std::optional<std::vector<std::string>>> recall_failures(const Cluster& cluster) {
  TRY_AS(content, cluster.state.read(kFailures));
  if (!*content) return std::nullopt;
  std::vector<std::string> keys;
  for (const auto line : split(**content, '\n')) {
    if (!line.empty()) keys.emplace_back(line);
  }
  return keys;
}

/// The memory of a list stands under the list's own name: a folder may hold several.
fs::path memory_file(const Cluster& cluster) {
  return fs::path("lists") / cluster.list.filename();
}

Result<Inventory> read_list(const std::filesystem::path& list, const ReadOptions& options) {
  if (list != "-") return load_inventory(list, options);
  TRY_AS(bytes, read_file("/dev/stdin"));
  return parse_inventory(*bytes, "standard input", options);
}

AddressChoice address_choice(const ListOptions& options) {
  const auto& name = options.address;
  if (name == "auto" && options.jump) return AddressChoice::behind_jump;
  if (name == "public") return AddressChoice::public_v4;
  if (name == "private") return AddressChoice::private_v4;
  if (name == "ipv6") return AddressChoice::ipv6;
  return AddressChoice::automatic;
}

/// A key under the name that a browser or an editor has made of it: key.pem.txt.
std::optional<fs::path> renamed_key(const fs::path& list) {
  std::error_code ignored;
  const auto folder = list.has_parent_path() ? list.parent_path() : fs::path(".");
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().filename().string().find(".pem.") != std::string::npos) return entry.path();
  return std::nullopt;
}

/// Why no key was found, with the likeliest remedy: several keys, a key under another name, or none.
std::unexpected<Error> no_key(const fs::path& list) {
  const auto pems = pem_files(list);
  if (pems.size() > 1) {
    return fail(ErrorKind::usage,
                fmt::format("there are {} keys beside the list: name the one of these instances, as in -i {} "
                            "or -i {}",
                            pems.size(), quote_word(pems[0].string()), quote_word(pems[1].string())));
  }
  if (const auto renamed = renamed_key(list)) {
    const auto name = renamed->lexically_normal().string();
    return fail(ErrorKind::usage,
                fmt::format("no private key: the name of {} does not end in .pem; mv {} {}", printable(name),
                            quote_word(printable(name)),
                            quote_word(printable(name.substr(0, name.rfind(".pem.") + 4)))));
  }
  return fail(ErrorKind::usage,
              "no private key: name the .pem file that EC2 gave you with -i, or let it be the only .pem "
              "beside the list");
}

std::vector<fs::path> default_keys() {
  std::vector<fs::path> keys;
  for (const auto* name : {"id_ed25519", "id_ecdsa", "id_rsa"}) {
    const auto file = home_folder() / ".ssh" / name;
    if (is_there(file)) keys.push_back(file);
  }
  return keys;
}

struct Keys {
  std::vector<ssh::PrivateKey> first;
  std::vector<ssh::PrivateKey> after_agent;
};

/// The passphrase is asked for only if neither the usual agent nor that of ssh_config holds the key.
Result<ssh::PrivateKey> load_named_key(const fs::path& file, const Cluster& cluster,
                                       const ssh::LibsshOptions& transport) {
  if (auto key = ssh::load_private_key(file, {}, ssh::usual_agent())) return key;
  const auto agent =
      cluster.nodes.empty() ? ssh::usual_agent() : ssh::agent_for(transport, cluster.nodes.front());
  return ssh::load_private_key(file, prompt_passphrase, agent);
}

std::optional<fs::path> named_key(const Cluster& cluster, const ConnectOptions& options) {
  if (options.identity) return expand_home(*options.identity);
  if (cluster.config.identity) return expand_home(*cluster.config.identity);
  if (auto pems = pem_files(cluster.list); pems.size() == 1) return pems.front();
  return std::nullopt;
}

/// Keys that the user named must load. Others are only tried if they do, and never asked a passphrase for.
Result<Keys> load_keys(const Cluster& cluster, const ConnectOptions& options,
                       const ssh::LibsshOptions& transport) {
  Keys keys;
  if (const auto named = named_key(cluster, options)) {
    TRY_AS(key, load_named_key(*named, cluster, transport));
    keys.first.push_back(*key);
    return keys;
  }
  for (const auto& file : default_keys()) {
    // Without a prompt: nobody is asked for the passphrase of a key that was not named.
    if (auto key = ssh::load_private_key(file, {}, ssh::usual_agent())) keys.after_agent.push_back(*key);
  }
  // An ssh_config may name a key, so nobody can say yet that there is none.
  if (keys.after_agent.empty() && ssh::usual_agent().empty() && transport.ssh_config.empty())
    return no_key(cluster.list);
  return keys;
}

/// Begins the state of a list whose folder is read-only. It copies the state beside the list, if that can be
/// trusted.
Result<void> move_state(const StateFolder& from, const StateFolder& to, const fs::path& list) {
  if (!from.check()) return to.make();
  for (const auto& name : {fs::path("known_hosts"), "lists" / list, "setup" / list / "nodes"}) {
    TRY_AS(text, from.read(name));
    if (*text)
      if (auto written = to.write(name, **text); !written) return written;
  }
  // Refused if other users can read it.
  TRY_AS(key, from.read("setup" / list / "key", StateFolder::Content::secret));
  return *key ? to.write("setup" / list / "key", **key) : to.make();
}

fs::path ssh_config_file(const ConnectOptions& options) {
  if (options.ssh_config == "none") return {};
  if (options.ssh_config) return expand_home(*options.ssh_config);
  const auto file = home_folder() / ".ssh" / "config";
  return is_there(file) ? file : fs::path{};
}

}  // namespace

fs::path Cluster::setup_file(const char* name) const {
  return fs::path("setup") / list.filename() / name;
}

fs::path Cluster::connections_folder() const {
  return state.path() / "connections";
}

std::vector<fs::path> pem_files(const fs::path& list) {
  // A list in the current folder has no parent path.
  const auto folder = list.parent_path();
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder.empty() ? "." : folder, ignored))
    if (entry.path().extension() == ".pem" && entry.is_regular_file(ignored)) found.push_back(entry.path());
  // A folder gives its entries in any order.
  std::sort(found.begin(), found.end());
  return found;
}

/// The file holds "ID" or "ID ended".
LastJob recall_job(const StateFolder& state) {
  const auto kept = state.read(kLastJob);
  if (!kept) return {};
  const auto text = kept->value_or("");  // the words point into it
  const auto parts = words(text);
  if (parts.empty()) return {};
  return {printable(parts.front()), parts.size() > 1};
}

void remember_job(const Cluster& cluster, const LastJob& job) {
  const auto text = job.id + (job.ended ? " ended\n" : "\n");
  [[maybe_unused]] const auto kept = cluster.state.write(kLastJob, text);  // a convenience only
}

void remember_end(const Cluster& cluster, const std::string& id) {
  const auto last = recall_job(cluster.state);
  if (last.id == id && !last.ended) remember_job(cluster, {id, true});
}

void forget_job(const StateFolder& state) {
  if (recall_job(state).id.empty()) return;
  [[maybe_unused]] const auto kept = state.write(kLastJob, "");
}

Result<Config> load_settings() {
  auto settings = load_config("ec2mpi.toml");
  if (!settings) return settings;
  auto of_user = load_config(xdg_folder("XDG_CONFIG_HOME", ".config") / "ec2mpi" / "config.toml");
  if (!of_user) return of_user;
  // Such a job may send files from anywhere; one of the folder needs --allow-outside for that.
  for (auto& [name, job] : of_user->jobs) job.of_user = true;
  settings->fill_from(*of_user);
  return settings;
}

Result<fs::path> find_list(const std::optional<std::string>& named, const Config& config) {
  if (named) return expand_home(*named);
  if (config.list) return expand_home(*config.list);
  for (const auto* usual : {"amazon_instances_info", "nodeIPaddress"}) {
    std::error_code ignored;
    // Nobody may ever write into it; --list also takes a pipe.
    if (fs::is_fifo(usual, ignored))
      return fail(ErrorKind::usage,
                  fmt::format("{0} is a pipe and no file; if it is meant: --list {0}", usual));
    if (is_there(usual)) return usual;
  }
  // Some editors of other systems add the ending.
  if (is_there("amazon_instances_info.txt"))
    return fail(ErrorKind::usage,
                "no instance list here; mv amazon_instances_info.txt amazon_instances_info");
  return fail(
      ErrorKind::usage,
      "no instance list here: paste the table of the EC2 console into a file amazon_instances_info, or name "
      "another list with --list");
}

Result<StateFolder> open_state(const fs::path& list) {
  StateFolder usual(list.parent_path() / ".ec2mpi");
  if (usual.can_be_written()) {
    TRY(usual.check());
    return usual;
  }
  auto state = StateFolder::away_from(list.parent_path());
  TRY(state.check());
  // An earlier command has begun this state; it is not copied again.
  if (is_there(state.path())) return state;
  if (auto moved = move_state(usual, state, list.filename()); !moved) {
    if (is_there(state.path())) return std::unexpected(moved.error());
    TRY(usual.check());  // nothing can be written anywhere, which is no obstacle to reading
    return usual;
  }
  print_talk(fmt::format("ec2mpi: nothing can be written beside the list; its state folder is {}\n",
                         printable(state.path().string())));
  return state;
}

namespace {

/// The addresses and names of nodes that setup has found and the list may not have: mpirun and the nodes call
/// themselves so.
Result<std::map<std::string, std::vector<std::string>>> names_of_setup(const Cluster& cluster) {
  std::map<std::string, std::vector<std::string>> names;
  TRY_AS(text, cluster.state.read(cluster.setup_file("nodes")));
  for (auto& member : ops::parse_members(text->value_or(std::string()))) {
    names[member.key] = std::move(member.names);
    names[member.key].push_back(member.address.text());
  }
  return names;
}

}  // namespace

std::map<std::string, std::string> names_of_hosts(const Cluster& cluster) {
  std::map<std::string, std::string> labels;
  const auto names = names_of_setup(cluster);
  for (const auto& node : cluster.inventory.nodes) {
    labels[node.address] = labels[node.private_address] = node.label();
    if (!names || !names->contains(node_key(node))) continue;
    for (const auto& name : names->at(node_key(node))) labels[name] = node.label();
  }
  labels.erase("");
  return labels;
}

Result<Cluster> open_cluster(const ListOptions& options) {
  Cluster cluster;
  TRY_AS(settings, load_settings());
  cluster.config = std::move(*settings);
  TRY_AS(list, find_list(options.list, cluster.config));
  cluster.list = std::move(*list);
  auto inventory = read_list(cluster.list, {.address = address_choice(options)});
  if (!inventory) return std::unexpected(inventory.error());
  cluster.inventory = std::move(*inventory);
  TRY_AS(state, open_state(cluster.list));
  cluster.state = std::move(*state);
  // Before the selection: -w 3 means the node that was node3 in the last command.
  if (!options.renumber) {
    TRY_AS(memory, cluster.state.read(memory_file(cluster)));
    cluster.changes = merge_memory(cluster.inventory, parse_memory(memory->value_or("")));
  }
  TRY_AS(failed, recall_failures(cluster));
  TRY_AS(names, names_of_setup(cluster));
  auto nodes = select_nodes(cluster.inventory, options.wanted, options.excluded,
                            {.groups = cluster.config.groups,
                             .failed = std::move(*failed),
                             .other_names = std::move(*names),
                             .as_named = options.as_named});
  if (!nodes) return std::unexpected(nodes.error());
  cluster.nodes = std::move(*nodes);
  if (options.jump) {
    TRY_AS(jump, parse_jump_host(*options.jump));
    cluster.jump = std::move(*jump);
  }
  return cluster;
}

namespace {

/// Reports changes of the list, once, and remembers its indices. Errors: local_io.
Result<void> remember_list(const Cluster& cluster) {
  const auto& changes = cluster.changes;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const bool last = i + 1 == changes.size();  // it may be about the master
    if (i < kShownChanges || last) print_talk("ec2mpi: " + changes[i] + "\n");
    if (i == kShownChanges && !last)
      print_talk(fmt::format("ec2mpi: … and {}; ec2mpi nodes shows the list\n",
                             count_of(changes.size() - kShownChanges - 1, "more change")));
  }
  const auto now = memory_text(cluster.inventory);
  if (now.empty()) return {};
  return cluster.state.write(memory_file(cluster), now);
}

}  // namespace

void remember_if_possible(const Cluster& cluster) {
  if (auto kept = remember_list(cluster); !kept) {
    print_talk(fmt::format("ec2mpi: {}; the nodes' numbers are not remembered\n", kept.error().message));
  }
}

Result<void> check_keys(const Cluster& cluster) {
  const ConnectOptions usual;
  if (const auto named = named_key(cluster, usual)) {
    bool encrypted = false;
    const auto note = [&encrypted](const fs::path&) -> std::optional<std::string> {
      encrypted = true;
      return std::nullopt;
    };
    const auto key = ssh::load_private_key(*named, note, ssh::usual_agent());
    if (!key && !encrypted) return std::unexpected(key.error());
    return {};
  }
  const auto keys = load_keys(cluster, usual, {.ssh_config = ssh_config_file(usual)});
  if (!keys) return std::unexpected(keys.error());
  return {};
}

Result<Access> open_access(const Cluster& cluster, const ConnectOptions& options) {
  auto persist = cluster.config.persist;
  if (options.persist) {
    auto parsed = parse_persist(*options.persist);
    if (!parsed) return std::unexpected(parsed.error().within("--persist"));
    persist = *parsed;
  }
  const auto ssh_config = ssh_config_file(options);
  ssh::LibsshOptions transport{.user = options.user ? options.user : cluster.config.user,
                               .port = options.port ? options.port : cluster.config.port,
                               .ssh_config = ssh_config,
                               // As for ssh(1): -F leaves the system's file out.
                               .system_ssh_config = options.ssh_config ? "" : "/etc/ssh/ssh_config",
                               .prompt = prompt_passphrase,
                               .jump = cluster.jump};
  TRY_AS(keys, load_keys(cluster, options, transport));
  TRY_AS(host_keys, ssh::HostKeys::load(cluster.state.path() / "known_hosts",
                                        options.strict_host_keys ? ssh::UnknownHostKey::refuse
                                                                 : ssh::UnknownHostKey::remember));
  transport.keys = std::move(keys->first);
  transport.fallback_keys = std::move(keys->after_agent);
  // Last: a command that fails before this point leaves the memory as it was.
  TRY(remember_list(cluster));
  return Access{std::move(transport), std::move(*host_keys), cluster.connections_folder(), persist};
}

std::vector<fs::path> private_files(const Cluster& cluster, const ConnectOptions& options) {
  auto files = pem_files(cluster.list);
  files.push_back(cluster.state.path());
  for (const auto& identity : {options.identity, cluster.config.identity})
    if (identity) files.push_back(expand_home(*identity));
  return files;
}

FleetOptions fleet_options(const Cluster& cluster, const ConnectOptions& connect, const FleetFlags& flags) {
  FleetOptions options;
  options.fanout = flags.fanout;
  options.task_timeout = seconds(flags.task_timeout);
  options.whole_timeout = seconds(flags.whole_timeout);
  options.fail_fast = flags.fail_fast;
  options.retries = flags.retries;
  if (cluster.jump) options.handshakes = kHandshakesThroughJump;
  if (connect.connect_timeout)
    options.connect_timeout = seconds(*connect.connect_timeout);
  else if (cluster.config.connect_timeout)
    options.connect_timeout = seconds(*cluster.config.connect_timeout);
  return options;
}

/// For `-w failed` of the next command. An empty file says that no node failed.
Result<void> remember_failures(const Cluster& cluster, const FleetReport& report) {
  remember_reached(cluster.state, report);
  std::string keys;
  for (const auto& result : report.results) {
    if (!succeeded(result.outcome)) keys += node_key(result.node) + "\n";
  }
  return cluster.state.write(kFailures, keys);
}

}  // namespace ec2mpi::cli
