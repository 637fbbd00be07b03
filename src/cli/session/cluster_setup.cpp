#include "ec2mpi/cli/session/cluster_setup.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/reach_memory.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cluster/values/selection.hpp"
#include "ec2mpi/ops/setup/member.hpp"
#include "ec2mpi/ssh/libssh/jump_host.hpp"
#include "src/cli/session/remembered_list.hpp"

namespace ec2mpi::cli {

namespace {

namespace fs = std::filesystem;

/// A bastion's uplink is shared by all handshakes, and its sshd may be small.
constexpr std::size_t kHandshakesThroughJump = 8;

/// A file in a folder that cannot be entered counts as missing.
bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

/// Names of files in the state folder.
constexpr const char* kFailures = "failed";
constexpr const char* kLastJob = "last_job";
/// A line is "INSTANCE JOB", the newest job first.
constexpr const char* kJobHolders = "job_holders";
constexpr std::size_t kMostHolders = 200;  ///< instances that have ended long ago need no line

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

/// Standard input is read as a file, so that the same limits and messages hold for it.
Result<Inventory> read_list(const std::filesystem::path& list, const ReadOptions& options) {
  if (list != "-") return load_inventory(list, options);
  TRY_AS(bytes, read_file_or_pipe("/dev/stdin"));
  return parse_inventory(*bytes, "standard input", options);
}

/// Through a bastion only the private addresses lead to the nodes, unless the user has chosen others.
AddressChoice address_choice(const ListOptions& options) {
  const auto& name = options.address;
  if (name == "auto" && options.jump) return AddressChoice::behind_jump;
  if (name == "public") return AddressChoice::public_v4;
  if (name == "private") return AddressChoice::private_v4;
  if (name == "ipv6") return AddressChoice::ipv6;
  return AddressChoice::automatic;
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

}  // namespace

fs::path Cluster::setup_file(const char* name) const {
  return fs::path("setup") / list.filename() / name;
}

fs::path Cluster::connections_folder() const {
  return state.path() / "connections";
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

std::vector<JobHolder> recall_job_holders(const StateFolder& state) {
  const auto kept = state.read(kJobHolders);
  const auto text = kept ? kept->value_or("") : std::string();
  std::vector<JobHolder> holders;
  for (const auto line : split(text, '\n')) {
    const auto parts = words(line);
    if (parts.size() == 2) holders.push_back({printable(parts[0]), printable(parts[1])});
  }
  return holders;
}

void remember_job(const Cluster& cluster, const LastJob& job) {
  const auto text = job.id + (job.ended ? " ended\n" : "\n");
  [[maybe_unused]] const auto kept = cluster.state.write(kLastJob, text);  // a convenience only
  const auto& master = cluster.inventory.master().instance_id;
  if (master.empty()) return;
  auto holders = recall_job_holders(cluster.state);
  std::erase_if(holders, [&master](const JobHolder& one) { return one.instance_id == master; });
  holders.insert(holders.begin(), {master, job.id});
  std::string lines;
  for (std::size_t i = 0; i < holders.size() && i < kMostHolders; ++i)
    lines += holders[i].instance_id + " " + holders[i].job + "\n";
  [[maybe_unused]] const auto held = cluster.state.write(kJobHolders, lines);
}

void remember_end(const Cluster& cluster, const std::string& id) {
  const auto last = recall_job(cluster.state);
  if (last.id == id && !last.ended) remember_job(cluster, {id, true});
}

void forget_job(const StateFolder& state) {
  state.remove({kJobHolders});
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

/// The flag wins over the settings, and they win over the two usual names in this folder.
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

Result<std::vector<Node>> choose_nodes(const Cluster& cluster, const ListOptions& options) {
  TRY_AS(failed, recall_failures(cluster));
  TRY_AS(names, names_of_setup(cluster));
  return select_nodes(cluster.inventory, options.wanted, options.excluded,
                      {.groups = cluster.config.groups,
                       .failed = std::move(*failed),
                       .other_names = std::move(*names),
                       .as_named = options.as_named});
}

/// Indices come first, the selection after them. No step connects, so each error is one of usage.
Result<Cluster> open_cluster(const ListOptions& options) {
  Cluster cluster;
  TRY_AS(settings, load_settings());
  cluster.config = std::move(*settings);
  TRY_AS(list, find_list(options.list, cluster.config));
  cluster.list = std::move(*list);
  auto inventory = read_list(cluster.list, {.address = address_choice(options)});
  const bool is_setting = !options.list && cluster.config.list;
  if (!inventory)
    return std::unexpected(is_setting ? inventory.error().within("the setting list") : inventory.error());
  cluster.inventory = std::move(*inventory);
  TRY_AS(state, open_state(cluster.list));
  cluster.state = std::move(*state);
  // Before the selection: -w 3 means the node that was node3 in the last command.
  if (!options.renumber) {
    TRY_AS(changes, recall_list(cluster.state, cluster.list, cluster.inventory));
    cluster.changes = std::move(*changes);
  }
  auto nodes = choose_nodes(cluster, options);
  if (!nodes) return std::unexpected(nodes.error());
  cluster.nodes = std::move(*nodes);
  if (options.jump) cluster.jump = ssh::jump_of_words(*options.jump);
  return cluster;
}

void remember_if_possible(const Cluster& cluster) {
  if (auto kept = remember_list(cluster.state, cluster.list, cluster.inventory, cluster.changes); !kept) {
    print_talk(fmt::format("ec2mpi: {}; the nodes' numbers are not remembered\n", kept.error().message));
  }
}

/// The flag for the connection's time wins over the setting; 0 leaves the others without a limit.
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
  auto kept = cluster.state.write(kFailures, keys);
  if (kept) return kept;
  // `-w failed` must not mean the nodes of an earlier command.
  cluster.state.remove({kFailures});
  kept.error().message += "; -w failed does not know this command's nodes";
  return kept;
}

}  // namespace ec2mpi::cli
