// `ec2mpi status`: asks EC2 for the chosen instances, and the master for its jobs. Each instance becomes a
// Row, which collects price, age, host key and notes; the table and the JSON document show the rows.
#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/world.hpp"
#include "ec2mpi/cli/terminal/aligned.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/cloud/instance_list.hpp"
#include "ec2mpi/cluster/values/launch_time.hpp"
#include "ec2mpi/ssh/host_keys.hpp"
#include "src/cli/commands/all_regions.hpp"
#include "src/cli/commands/instance_life.hpp"
#include "src/cli/commands/instances.hpp"
#include "src/cli/commands/unfinished_work.hpp"
#include "src/cli/commands/unlisted_instances.hpp"

namespace ec2mpi::cli {

namespace {

struct StatusOptions {
  InstanceOptions which;
  bool keys = false;
  bool json = false;
  bool all_regions = false;
};

/// One row of the table.
struct Row {
  cloud::Instance instance;
  std::string node;                  ///< "node2", or empty
  std::string age;                   ///< since the last start
  std::string cost;                  ///< since the last start
  std::optional<double> price = {};  ///< for an hour, while it runs
  std::string key;                   ///< of --keys
  std::vector<std::string> notes;
};

/// Null with --cluster, where there is no list, and for an id that the list does not have.
const Node* listed(const InstanceContext& context, const std::string& id) {
  if (!context.list) return nullptr;
  const auto found = std::ranges::find(context.list->nodes, id, &Node::instance_id);
  return found == context.list->nodes.end() ? nullptr : &*found;
}

/// Host keys are remembered by the instance id, so a node needs nothing else here.
Node node_of(const cloud::Instance& instance) {
  Node node;
  node.instance_id = instance.id;
  return node;
}

/// By the clock of `world`, which a test replaces. EC2's times are whole seconds.
LaunchTime present(const InstanceContext& context) {
  return std::chrono::floor<std::chrono::seconds>(context.runtime.options().world->now());
}

/// The prices of the settings win; spot prices are asked for where spot instances run.
asio::awaitable<cloud::PriceList> find_prices(InstanceContext& context,
                                              const std::vector<cloud::Instance>& instances) {
  cloud::PriceList prices(context.config.prices, context.region);
  co_await add_spot_prices(context, instances, prices);
  co_return prices;
}

/// An instance that does not run costs nothing itself; the price of its disks is not counted here.
void add_age(Row& row, const cloud::PriceList& prices, LaunchTime now) {
  if (row.instance.state != "running" && row.instance.state != "pending") return;
  if (const auto launched = parse_launch_time(row.instance.launched)) row.age = format_age(now - *launched);
  if (const auto cost = cost_so_far(row.instance, prices, now)) row.cost = fmt::format("{:.2f}", *cost);
  row.price = hourly_price(row.instance, prices);
}

/// `node` is null for an instance that the list does not have.
void add_notes(Row& row, const Node* node, LaunchTime now) {
  const auto& one = row.instance;
  if (one.spot) row.notes.emplace_back("spot");
  if (!one.tag(cloud::kClusterTag).empty()) row.notes.push_back("cluster " + one.tag(cloud::kClusterTag));
  if (auto end = end_words(one, now); !end.empty()) row.notes.push_back(std::move(end));
  if (one.state != "running" && !one.reason.empty()) row.notes.push_back(one.reason);
  // After a stop and a start another machine may have the address that stands in the list.
  const bool moved =
      node != nullptr && !node->public_address.empty() && one.public_address != node->public_address;
  if (moved && one.state == "running") row.notes.push_back("the list has " + node->public_address);
}

Row status_row(const InstanceContext& context, const cloud::PriceList& prices,
               const cloud::Instance& instance) {
  Row row;
  row.instance = instance;
  const auto* node = listed(context, instance.id);
  if (node != nullptr && node->index > 0) row.node = node->label();
  add_age(row, prices, present(context));
  add_notes(row, node, present(context));
  return row;
}

/// Compares the keys that the instance has printed on its console with the remembered ones.
/// A single remembered key that was not printed is enough for DIFFERS.
std::string compare_keys(const std::vector<std::pair<std::string, std::string>>& printed,
                         const std::vector<ssh::HostKey>& remembered) {
  if (printed.empty()) return "not on the console";
  if (remembered.empty()) return "not remembered";
  const auto is_printed = [&](const ssh::HostKey& key) {
    return std::ranges::find(printed, std::pair(key.type, key.base64)) != printed.end();
  };
  return std::ranges::all_of(remembered, is_printed) ? "right" : "DIFFERS";
}

/// The text of the console comes by the EC2 API, so a machine between us and the node cannot change
/// it.
asio::awaitable<cloud::Answer<void>> check_keys(InstanceContext& context, std::vector<Row>& rows) {
  if (!context.list) co_return cloud::Answer<void>();
  CO_TRY_AS(keys,
            ssh::HostKeys::load(context.list->state.path() / "known_hosts", ssh::UnknownHostKey::refuse));
  for (auto& row : rows) {
    if (row.instance.is_gone()) continue;
    CO_TRY_AS(text, co_await context.ec2.console_output(row.instance.id, context.limit()));
    row.key = compare_keys(cloud::host_keys_in(*text), keys->known(node_of(row.instance)));
  }
  co_return cloud::Answer<void>();
}

/// Notes come last, as they may be long.
std::string status_table(const std::vector<Row>& rows, bool keys) {
  std::vector<std::vector<std::string>> cells{
      {"NODE", "INSTANCE", "STATE", "TYPE", "ZONE", "ADDRESS", "PRIVATE", "AGE", "COST"}};
  if (keys) cells[0].emplace_back("KEY");
  cells[0].emplace_back("NOTES");
  for (const auto& row : rows) {
    const auto& one = row.instance;
    cells.push_back({row.node, one.id, one.state, one.type, one.zone, one.public_address, one.private_address,
                     row.age, row.cost});
    if (keys) cells.back().push_back(row.key);
    cells.back().push_back(join(row.notes, "; "));
  }
  return aligned(std::move(cells));
}

std::string status_json(const std::vector<Row>& rows, const std::vector<std::string>& unknown) {
  auto all = Json::array();
  for (const auto& row : rows) {
    const auto& one = row.instance;
    Json entry{{"node", row.node},
               {"id", one.id},
               {"state", one.state},
               {"type", one.type},
               {"zone", one.zone},
               {"public_address", one.public_address},
               {"private_address", one.private_address},
               {"ipv6", one.ipv6},
               {"launched", one.launched},
               {"spot", one.spot},
               {"tags", one.tags},
               {"notes", row.notes}};
    if (!row.cost.empty()) entry["cost"] = std::stod(row.cost);
    if (row.price) entry["price"] = *row.price;
    if (const auto end = end_of_life(one)) entry["end_of_life"] = cloud::moment_text(*end);
    if (!row.key.empty()) entry["host_key"] = row.key;
    all.push_back(std::move(entry));
  }
  // Ids that EC2 does not know stay in the answer, so that no line of the list is missing.
  for (const auto& id : unknown) all.push_back({{"id", id}, {"state", "unknown"}});
  return dump_json(all);
}

/// A failed question ends the command: half a table could hide an instance that costs.
asio::awaitable<int> show_status(InstanceContext& context, bool keys, bool json) {
  const auto found = co_await look_up(context);
  if (!found) co_return report_error(context, found.error(), exit_code::not_started);
  const auto prices = co_await find_prices(context, found->known);
  std::vector<Row> rows;
  for (const auto& instance : found->known) rows.push_back(status_row(context, prices, instance));
  for (auto& row : rows) {
    const auto* node = listed(context, row.instance.id);
    // Only the master knows the jobs, and only if it runs; they become notes of its row.
    if (node == nullptr || node->index != 1 || row.instance.state != "running") continue;
    const auto jobs = co_await jobs_at_work(context);
    row.notes.insert(row.notes.end(), jobs.begin(), jobs.end());
  }
  if (keys) {
    const auto checked = co_await check_keys(context, rows);
    if (!checked) co_return report_error(context, checked.error(), exit_code::not_started);
  }
  if (json)
    context.console().result(status_json(rows, found->unknown));
  else
    context.console().result_table(status_table(rows, keys));
  const auto cost = cost_words(found->known, prices, present(context));
  if (!json && !cost.empty() && !context.runtime.options().quiet) context.console().talk(cost);
  for (const auto& id : found->unknown)
    context.console().talk(fmt::format("ec2mpi: {}: not an instance of this account in {}",
                                       title_of(context, id), context.region));
  if (context.list) {
    const auto unlisted = co_await find_unlisted(context, found->known);
    if (!unlisted) co_return report_error(context, unlisted.error(), exit_code::node_failed);
    report_unlisted(context, *unlisted);
  }
  const bool wrong_key = std::ranges::any_of(rows, [](const Row& row) { return row.key == "DIFFERS"; });
  if (wrong_key)
    context.console().talk(
        "ec2mpi: a remembered host key is not one that the instance printed on its console: do not log in "
        "before that is explained");
  // A script must not take a machine with another host key for a success.
  co_return found->unknown.empty() && !wrong_key ? exit_code::ok : exit_code::node_failed;
}

Result<int> run_status(const StatusOptions& options, const CommonOptions& common) {
  if (options.all_regions) return show_all_regions(options.which.account, options.json, common);
  return run_on_instances(options.which, common, [&options](InstanceContext& context) {
    return show_status(context, options.keys, options.json);
  });
}

}  // namespace

void add_status_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<StatusOptions>();
  auto& command = add_command(
      app, "status", "Shows state, address, age and cost of the list's instances, as EC2 has them now",
      "ec2mpi status\n  ec2mpi status --keys        compares host keys with the consoles' output\n"
      "  ec2mpi status --cluster train --region us-east-2\n"
      "  ec2mpi status --all-regions"
      "    every cluster of the account, so that none is forgotten");
  add_instance_options(command, options->which);
  add_flag(command, "--keys", options->keys,
           "Compare remembered host keys with those on the instances' consoles");
  add_flag(command, "--json", options->json, "As JSON");
  add_flag(command, "--all-regions", options->all_regions,
           "All clusters of the account, in every region, and their disks");
  set_work(command, dispatch, options, run_status);
}

}  // namespace ec2mpi::cli
