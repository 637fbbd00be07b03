// `ec2mpi nodes`: the inventory as a table, as JSON, as a hostfile or in a format of the user's. Only --stale
// connects: it asks each node which instance it is.

#include <fmt/format.h>
#include <array>
#include <CLI/CLI.hpp>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/world.hpp"
#include "ec2mpi/cli/terminal/aligned.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cluster/list/inventory_text.hpp"
#include "ec2mpi/cluster/values/launch_time.hpp"
#include "ec2mpi/ops/node/instance_id.hpp"
#include "src/cli/commands/left_out.hpp"
#include "src/cli/commands/run_fleet.hpp"
#include "src/cli/commands/ssh_config_file.hpp"

namespace ec2mpi::cli {

namespace {

struct NodesOptions {
  ListOptions list;
  ConnectOptions connect;
  bool json = false;
  bool hostfile = false;
  bool ssh_config = false;
  bool stale = false;
  std::string format;
};

/// The first node of the whole list is the master, whichever nodes are selected.
std::string_view role(const Node& node) {
  return node.index == 1 ? "master" : "worker";
}

/// Whole seconds, as in the lists.
LaunchTime time_in(const World& world) {
  return std::chrono::floor<std::chrono::seconds>(world.now());
}

/// How long a node has been running; empty if the list has no launch time.
std::string up_for(const Node& node, LaunchTime now) {
  const auto launched = parse_launch_time(node.launched);
  return launched && *launched <= now ? format_age(now - *launched) : std::string();
}

/// By [prices], since the last launch; empty if the price or the time is unknown.
std::string cost_of(const Node& node, const Config& config, LaunchTime now) {
  const auto cost = cost_since_launch(node, config.prices, now);
  return cost ? fmt::format("{:.2f}", *cost) : std::string();
}

void print_table(const Cluster& cluster, LaunchTime now) {
  std::vector<std::vector<std::string>> rows = {
      {"INDEX", "ROLE", "NAME", "ID", "TYPE", "ADDRESS", "LAUNCHED", "UP"}};
  const bool with_cost = !cluster.config.prices.empty();
  if (with_cost) rows.front().emplace_back("COST");
  double total = 0;
  for (const auto& node : cluster.nodes) {
    rows.push_back({std::to_string(node.index), std::string(role(node)), node.name, node.instance_id,
                    node.type, node.address, node.launched, up_for(node, now)});
    if (!with_cost) continue;
    rows.back().push_back(cost_of(node, cluster.config, now));
    total += cost_since_launch(node, cluster.config.prices, now).value_or(0);
  }
  print_result(aligned(std::move(rows)));
  // On standard error, so that standard output has rows only.
  if (with_cost) print_talk(fmt::format("{:.2f} in all since launch, by the prices of ec2mpi.toml\n", total));
  tell_left_out(cluster.inventory);
}

/// A node whose launch time or price is unknown has no `up_seconds` or `cost`.
void print_json(const Cluster& cluster, LaunchTime now) {
  auto list = Json::array();
  for (const auto& node : cluster.nodes) {
    list.push_back({{"index", node.index},
                    {"node", node.label()},
                    {"role", role(node)},
                    {"name", node.name},
                    {"id", node.instance_id},
                    {"type", node.type},
                    {"address", node.address},
                    {"public_address", node.public_address},
                    {"private_address", node.private_address},
                    {"ipv6", node.ipv6},
                    {"launched", node.launched}});
    if (const auto launched = parse_launch_time(node.launched)) {
      list.back()["up_seconds"] = (now - *launched).count();
    }
    if (const auto cost = cost_since_launch(node, cluster.config.prices, now)) list.back()["cost"] = *cost;
  }
  print_result(dump_json(list) + "\n");
}

/// Replaces {index}, {address}, ... in the format; an unknown name is an error that names the known ones.
Result<std::string> format_node(std::string_view format, const Node& node, LaunchTime now) {
  const std::pair<std::string_view, std::string> fields[] = {{"index", std::to_string(node.index)},
                                                             {"node", node.label()},
                                                             {"role", std::string(role(node))},
                                                             {"name", node.name},
                                                             {"id", node.instance_id},
                                                             {"type", node.type},
                                                             {"address", node.address},
                                                             {"public", node.public_address},
                                                             {"private", node.private_address},
                                                             {"ipv6", node.ipv6},
                                                             {"user", node.user},
                                                             {"launched", node.launched},
                                                             {"up", up_for(node, now)}};
  std::string line;
  while (!format.empty()) {
    const auto open = format.find('{');
    line += format.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = format.find('}', open);
    if (close == std::string_view::npos) return fail(ErrorKind::usage, "--format: a { without its }");
    const auto name = format.substr(open + 1, close - open - 1);
    const auto* field = std::find_if(std::begin(fields), std::end(fields),
                                     [name](const auto& known) { return known.first == name; });
    if (field == std::end(fields)) {
      std::string known;
      for (const auto& [each, value] : fields) known += fmt::format(" {{{}}}", each);
      return fail(ErrorKind::usage,
                  fmt::format("--format: {{{}}} is not known; there are{}", printable(name), known));
    }
    line += field->second;
    format.remove_prefix(close + 1);
  }
  return line;
}

/// All or nothing: the text is printed when the last node has its line.
Result<int> print_format(const Cluster& cluster, const std::string& format, LaunchTime now) {
  std::string text;
  for (const auto& node : cluster.nodes) {
    TRY_AS(line, format_node(format, node, now));
    text += *line + "\n";
  }
  print_result(text);
  return exit_code::ok;
}

/// Connects to nothing. ssh refuses a node whose host key is not remembered yet, as the text says.
Result<int> print_ssh_config(const Cluster& cluster, const ConnectOptions& connect) {
  TRY_AS(access, open_access(cluster, connect));
  TRY_AS(file, write_ssh_config(cluster, *access, cluster.nodes, "ssh_config"));
  print_result(file->string() + "\n");
  print_talk(
      fmt::format("For ssh, rsync and editors: put this line at the top of ~/.ssh/config, or use ssh -F:\n  "
                  "Include \"{}\"\n"
                  "Nodes whose host key is not remembered yet need one ec2mpi command first.\n",
                  file->string()));
  return exit_code::ok;
}

/// Each node asks its metadata service for the instance id. A machine that lets us in, but is not
/// the listed instance, counts as failed.
Result<int> find_stale(const NodesOptions& options, Cluster& cluster, const CommonOptions& common) {
  TRY_AS(access, open_access(cluster, options.connect));
  // The selector `failed` keeps its meaning: this command only looks.
  FleetCommand command{.style = {.doing = "asking for instance ids"},
                       .task = ops::instance_id_task(),
                       .remembers_failures = false};
  const auto flow = fleet_options(cluster, options.connect, {});
  return run_fleet_command(cluster, *access, flow, common, std::move(command));
}

/// hostfile_text() takes a whole list.
Inventory selected(const Cluster& cluster) {
  Inventory part;
  part.nodes = cluster.nodes;
  return part;
}

Result<int> run_nodes(const NodesOptions& options, const CommonOptions& common) {
  TRY_AS(cluster, open_cluster(options.list));
  if (options.stale) return find_stale(options, *cluster, common);
  if (options.ssh_config) return print_ssh_config(*cluster, options.connect);
  const auto now = time_in(*common.world);
  // A wrong format is an error before anything is remembered.
  if (!options.format.empty()) TRY(format_node(options.format, cluster->nodes.front(), now));
  remember_if_possible(*cluster);
  if (!options.format.empty()) return print_format(*cluster, options.format, now);
  if (options.json)
    print_json(*cluster, now);
  else if (options.hostfile)
    print_result(hostfile_text(selected(*cluster)));
  else
    print_table(*cluster, now);
  return exit_code::ok;
}

}  // namespace

void add_nodes_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<NodesOptions>();
  auto& command = add_command(app, "nodes", "Shows the list as a table, or in a form for other programs",
                              "ec2mpi nodes -w workers --format '{index} {address}'");
  add_selection_options(command, options->list);
  add_connect_options(command, options->connect);
  auto* forms = command.add_option_group("forms");
  add_flag(*forms, "--json", options->json, "As JSON");
  add_flag(*forms, "--hostfile", options->hostfile,
           "As a hostfile: the addresses, with slots=N where the list gives them");
  add_option(*forms, "--format", options->format,
             "A line for each node: {index} {node} {role} {name} {id} {address} ...")
      .type_name("TEXT");
  add_flag(*forms, "--ssh-config", options->ssh_config,
           "Write .ec2mpi/ssh_config, for ssh master, rsync node2: and editors");
  add_flag(*forms, "--stale", options->stale,
           "Ask every node for its instance id: does the list still hold?");
  forms->require_option(0, 1);
  for (auto* option : forms->get_options()) option->group("One of these instead of the table");
  set_work(command, dispatch, options, run_nodes);
}

}  // namespace ec2mpi::cli
