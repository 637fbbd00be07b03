#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/setup_memory.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/fleet/gather.hpp"

namespace ec2mpi::cli {

namespace {

/// Lines "title  text", and the one thing to do next.
struct Situation {
  std::string lines;
  std::string next;

  void add(std::string_view title, const std::string& text) {
    lines += fmt::format("{:<9} {}\n", title, text);
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

/// ", 0.43 an hour"; empty without prices.
/// Types without a price count as nothing.
std::string cost_text(const Cluster& cluster) {
  double hour = 0;
  for (const auto& node : cluster.nodes) {
    const auto price = cluster.config.prices.find(node.type);
    if (price != cluster.config.prices.end()) hour += price->second;
  }
  return hour > 0 ? fmt::format(", {:.2f} an hour", hour) : std::string();
}

void add_list(Situation& situation, const Cluster& cluster) {
  const auto skipped = cluster.inventory.skipped.size();
  situation.add(
      "list",
      fmt::format("{}: {}{}{}", printable(cluster.list.string()), count_of(cluster.nodes.size(), "node"),
                  skipped > 0 ? fmt::format(", {} left out", skipped) : "", cost_text(cluster)));
}

/// The order in which commands look for a key; no key is read here.
void add_key(Situation& situation, const Cluster& cluster) {
  const auto pems = pem_files(cluster.list);
  if (cluster.config.identity)
    situation.add("key", printable(*cluster.config.identity));
  else if (pems.size() == 1)
    situation.add("key", printable(pems.front().lexically_normal().string()));
  else if (pems.empty())
    situation.add("key", "no .pem beside the list: your ssh agent and ~/.ssh are tried");
  else
    situation.add("key", fmt::format("{} .pem files beside the list; -i FILE chooses one", pems.size()));
}

/// By the memory of this folder: the nodes are not asked, and another laptop may have set them up.
void add_setup(Situation& situation, const Cluster& cluster) {
  const auto memory = recall_setup(cluster);
  const auto members = memory ? memory->members.size() : 0;
  situation.add("setup", members > 0 ? "done on " + count_of(members, "node") : "not done from this folder");
  if (members == 0) situation.suggest("ec2mpi setup");
}

/// The selector `failed` is an error if no node has failed; then there is no line.
void add_failures(Situation& situation, const ListOptions& of_all) {
  auto options = of_all;
  options.wanted = {"failed"};
  const auto failed = open_cluster(options);
  if (!failed) return;
  situation.add("failed", "the last command failed on " + short_nodes_label(indices_of(failed->nodes)));
  situation.suggest("ec2mpi doctor");
}

/// The job that was started last from here. If no command here has seen its end, only the master knows
/// whether it still runs.
void add_job(Situation& situation, const Cluster& cluster) {
  const auto [id, ended] = recall_job(cluster.state);
  const auto& jobs = cluster.config.jobs;
  situation.add("last job", id.empty() ? "none" : id + (ended ? ", ended" : ""));
  if (!id.empty())
    situation.suggest(ended ? "ec2mpi jobs" : "ec2mpi attach " + id);
  else if (!jobs.empty())
    situation.suggest("ec2mpi run " + printable(jobs.begin()->first));
  else
    situation.suggest("ec2mpi push hello.py . && ec2mpi run -- python3 hello.py");
}

Situation look_around() {
  Situation situation;
  const ListOptions all;
  const auto settings = load_settings();
  const auto list = settings ? find_list({}, *settings) : std::unexpected(settings.error());
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
  const auto cluster = open_cluster(all);
  if (!cluster) {
    situation.add("trouble", printable(cluster.error().message));
    situation.suggest("correct it; ec2mpi nodes shows the nodes of the list");
    return situation;
  }
  add_list(situation, *cluster);
  add_key(situation, *cluster);
  add_setup(situation, *cluster);
  add_failures(situation, all);
  add_job(situation, *cluster);
  return situation;
}

}  // namespace

/// The answer to a fault of the folder is the next step, so the exit code is always 0.
Result<int> show_situation(const CommonOptions&) {
  auto situation = look_around();
  situation.add("next", situation.next);
  print_result(situation.lines + "ec2mpi --help lists the commands, ec2mpi doctor looks for faults.\n");
  return exit_code::ok;
}

}  // namespace ec2mpi::cli
