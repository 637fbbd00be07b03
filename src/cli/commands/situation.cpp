// `ec2mpi` without a command: the state of this folder, and the next step. It asks no node and no EC2; all of
// it is in the list, the settings and the memory of earlier commands.

#include <fmt/format.h>
#include <sys/stat.h>
#include <algorithm>
#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <set>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/session/bracket_words.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/job_memory.hpp"
#include "ec2mpi/cli/session/reach_memory.hpp"
#include "ec2mpi/cli/session/setup_memory.hpp"
#include "ec2mpi/cli/session/situation.hpp"
#include "ec2mpi/cli/session/usage.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cloud/prices.hpp"
#include "ec2mpi/cluster/list/read_inventory.hpp"
#include "ec2mpi/cluster/values/own_table.hpp"
#include "ec2mpi/fleet/gather.hpp"

namespace ec2mpi::cli {

namespace {

/// Lines "title  text", and the one thing to do next.
struct Situation {
  std::string lines;
  std::string next;
  Json document = Json::object();

  void add(std::string title, const std::string& text) {
    lines += fmt::format("{:<9} {}\n", title, text);
    std::ranges::replace(title, ' ', '_');
    document[title] = text;
  }
  /// The first call counts: the steps are looked at in their order.
  void suggest(std::string step) {
    if (next.empty()) next = std::move(step);
  }
};

std::vector<int> indices_of(const std::vector<Node>& nodes) {
  std::vector<int> indices;
  for (const auto& node : nodes) indices.push_back(node.index);
  return indices;
}

/// ", 0.43 USD an hour (by [prices])"; empty if no price is known. Types without a price count as nothing.
std::string cost_text(const Cluster& cluster) {
  std::map<std::string, cloud::PriceList> lists;  // by region, which is the zone without its letter
  std::set<std::string> sources;
  double hour = 0;
  for (const auto& node : cluster.nodes) {
    const auto& zone = node.availability_zone;
    const auto region = zone.substr(0, zone.empty() ? 0 : zone.size() - 1);
    const auto& prices = lists.try_emplace(region, cluster.config.prices, region).first->second;
    const auto price = prices.hour_of(node.type);
    if (!price) continue;
    hour += *price;
    sources.insert(prices.source_of(node.type));
  }
  if (hour <= 0) return {};
  return fmt::format(", {:.2f} USD an hour (by {})", hour, join({sources.begin(), sources.end()}, " and "));
}

void add_list(Situation& situation, const Cluster& cluster) {
  const auto skipped = cluster.inventory.skipped.size();
  situation.add(
      "list",
      fmt::format("{}: {}{}{}", printable(cluster.list.string()), count_of(cluster.nodes.size(), "node"),
                  skipped > 0 ? fmt::format(", {} left out", skipped) : "", cost_text(cluster)));
}

/// A key that others may read is refused by every command.
void add_key_file(Situation& situation, const std::string& file) {
  struct stat info {};
  const bool open = ::stat(file.c_str(), &info) == 0 && (info.st_mode & 077) != 0;
  situation.add("key", printable(file) +
                           (open ? fmt::format(", which others can read (mode {:04o})", info.st_mode & 07777)
                                 : std::string()));
  if (open) situation.suggest("chmod 600 " + printable(quote_word(file)));
}

/// The order in which commands look for a key.
void add_key(Situation& situation, const Cluster& cluster) {
  const auto pems = pem_files(cluster.list);
  if (cluster.config.identity)
    add_key_file(situation, *cluster.config.identity);
  else if (pems.size() == 1)
    add_key_file(situation, pems.front().lexically_normal().string());
  else if (pems.empty())
    situation.add("key", "no .pem beside the list: your ssh agent and ~/.ssh are tried");
  else
    situation.add("key", fmt::format("{} .pem files beside the list; -i FILE chooses one", pems.size()));
  if (const auto found = check_keys(cluster); !found) situation.suggest(printable(found.error().message));
}

/// By the memory of this folder: the nodes are not asked, and another laptop may have set them up. A job that
/// went well shows that they need no setup.
void add_setup(Situation& situation, const Cluster& cluster) {
  const auto memory = recall_setup(cluster);
  const auto members = memory ? memory->members.size() : 0;
  situation.add("setup", members > 0 ? "done on " + count_of(members, "node") : "not done from this folder");
  const auto jobs = recall_jobs(cluster.state);
  const bool has_run = std::ranges::any_of(jobs, [](const auto& job) { return job.outcome == "ok"; });
  if (members == 0 && !has_run) situation.suggest("ec2mpi setup");
}

/// By the last commands on nodes; nothing is tried here.
void add_reached(Situation& situation, const Cluster& cluster) {
  const auto seen = recall_reached(cluster.state, cluster.inventory.nodes);
  std::string text = seen.reached.empty() ? "" : short_nodes_label(seen.reached) + " by the last commands";
  if (!seen.missed.empty()) text += (text.empty() ? "not " : "; not ") + short_nodes_label(seen.missed);
  if (!text.empty()) situation.add("reached", text);
}

/// The selector `failed` is an error if no node has failed; then there is no line. A command of the user's
/// that fails on a node, as killall where nothing runs, is no fault of the node, and doctor would find none.
void add_failures(Situation& situation, const ListOptions& of_all) {
  auto options = of_all;
  options.wanted = {"failed"};
  const auto failed = open_cluster(options);
  if (!failed) return;
  situation.add("failed", "the last command failed on " + short_nodes_label(indices_of(failed->nodes)));
  if (!recall_reached(failed->state, failed->nodes).missed.empty()) situation.suggest("ec2mpi doctor");
}

/// Whether there are scripts that ec2mpi init would make jobs of.
bool has_job_scripts() {
  std::error_code ignored;
  if (std::filesystem::exists("ec2mpi.toml", ignored)) return false;
  for (const auto& entry : std::filesystem::directory_iterator(".", ignored)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with("run_") && name.ends_with(".sh")) return true;
  }
  return false;
}

/// The job that was started last from here. If no command here has seen its end, only the master knows
/// whether it still runs.
void add_job(Situation& situation, const Cluster& cluster) {
  const auto [id, ended] = recall_job(cluster.state);
  const auto& jobs = cluster.config.jobs;
  const bool has_scripts = has_job_scripts();
  if (has_scripts) situation.add("scripts", "run_*.sh; ec2mpi init writes ec2mpi.toml with a job for each");
  std::string end = ended ? ", ended" : "";
  for (const auto& job : recall_jobs(cluster.state))
    if (job.id == id && !job.outcome.empty()) end = ", " + job.outcome;
  situation.add("last job", id.empty() ? "none" : id + end);
  if (!id.empty())
    situation.suggest(ended ? "ec2mpi jobs" : "ec2mpi attach " + id);
  else if (has_scripts)
    situation.suggest("ec2mpi init");
  else if (!jobs.empty())
    situation.suggest("ec2mpi run " + printable(jobs.begin()->first));
  else
    situation.suggest("ec2mpi push hello.py . && ec2mpi run -- python3 hello.py");
}

/// The options of `ec2mpi nodes` as its variables give them, so that it and `ec2mpi` alone see the same list.
class NodesByVariables {
 public:
  NodesByVariables() {
    auto& nodes = *app_.add_subcommand("nodes");
    add_selection_options(nodes, list_);
    add_connect_options(nodes, connect_);
    read_brackets_whole(app_);
  }

  /// Errors: usage.
  Result<void> read() {
    try {
      app_.parse(std::vector<std::string>{"nodes"});
    } catch (const CLI::ParseError& wrong) {
      return fail(ErrorKind::usage, describe_usage_error(app_, wrong));
    }
    return {};
  }

  [[nodiscard]] const ListOptions& list() const { return list_; }
  [[nodiscard]] const ConnectOptions& connect() const { return connect_; }
  /// The message with the variables that it is about.
  [[nodiscard]] std::string explained(const std::string& message) const {
    return printable(message) + describe_variables(app_, message);
  }

 private:
  ListOptions list_;
  ConnectOptions connect_;
  CLI::App app_{"", "ec2mpi"};
};

/// A list of ec2mpi's own in which nothing runs needs another step than one with a fault.
std::string step_after_trouble(const Result<std::filesystem::path>& list) {
  const auto text = list ? read_file(*list) : std::unexpected(list.error());
  if (text && is_own_table(*text)) {
    const auto all = parse_inventory(*text, "", {.choose_addresses = false, .addresses_required = false});
    if (all && all->nodes.empty()) return command_to_restart(all->skipped);
  }
  return "correct it, then type ec2mpi again";
}

/// Each part adds its line and may suggest a step. The parts stand in the order of a user's first day.
Situation look_at_folder() {
  Situation situation;
  NodesByVariables nodes;
  if (const auto read = nodes.read(); !read) {
    situation.add("trouble", read.error().message);
    situation.suggest("correct it, then type ec2mpi again");
    return situation;
  }
  const auto settings = load_settings();
  const auto list = settings ? find_list(nodes.list().list, *settings) : std::unexpected(settings.error());
  // A folder without a list is where everybody begins; any other error is trouble.
  if (settings && !list) {
    situation.add("list", "none in this folder");
    std::error_code ignored;
    const bool ends_in_txt = std::filesystem::exists("amazon_instances_info.txt", ignored);
    situation.suggest(ends_in_txt
                          ? "mv amazon_instances_info.txt amazon_instances_info"
                          : "paste the table of the EC2 console into a file amazon_instances_info here");
    return situation;
  }
  auto cluster = open_cluster(nodes.list());
  if (!cluster) {
    situation.add("trouble", nodes.explained(cluster.error().message));
    situation.suggest(step_after_trouble(list));
    return situation;
  }
  // The flag wins over the setting.
  if (const auto& identity = nodes.connect().identity) cluster->config.identity = identity;
  add_list(situation, *cluster);
  add_key(situation, *cluster);
  add_reached(situation, *cluster);
  add_failures(situation, nodes.list());
  add_setup(situation, *cluster);
  add_job(situation, *cluster);
  return situation;
}

Situation look_around() {
  auto situation = look_at_folder();
  situation.add("next", situation.next);
  return situation;
}

}  // namespace

/// The answer to a fault of the folder is the next step, so the exit code is always 0.
Result<int> show_situation(const CommonOptions&) {
  const auto situation = look_around();
  print_result(situation.lines + "ec2mpi --help lists the commands, ec2mpi doctor looks for faults.\n");
  return exit_code::ok;
}

Result<int> show_situation_as_json(const CommonOptions&) {
  print_result(dump_json(look_around().document) + "\n");
  return exit_code::ok;
}

}  // namespace ec2mpi::cli
