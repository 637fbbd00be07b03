#include <array>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "ec2mpi/cli/cluster_setup.hpp"
#include "src/cli/command.hpp"

namespace ec2mpi::cli {

namespace {

struct NodesOptions {
  ListOptions list;
  bool json = false;
};

std::string_view role(const Node& node) { return node.index == 1 ? "master" : "worker"; }

void print_table(const std::vector<Node>& nodes) {
  using Row = std::array<std::string, 7>;
  std::vector<Row> rows = {{"INDEX", "ROLE", "NAME", "ID", "TYPE", "ADDRESS", "LAUNCHED"}};
  const auto or_dash = [](const std::string& text) { return text.empty() ? std::string("-") : text; };
  for (const auto& node : nodes) {
    rows.push_back({std::to_string(node.index), std::string(role(node)), or_dash(node.name), or_dash(node.instance_id),
                    or_dash(node.type), node.address, or_dash(node.launched)});
  }
  std::array<std::size_t, 7> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i + 1 < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    fmt::print("{}{}\n", line, row.back());
  }
}

void print_json(const std::vector<Node>& nodes) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& node : nodes) {
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
  }
  fmt::print("{}\n", list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace

void add_nodes_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<NodesOptions>();
  auto& command = add_command(app, "nodes", "Shows the list as a table", "ec2mpi nodes -w workers");
  add_selection_options(command, options->list);
  command.add_flag("--json", options->json, "As JSON");
  command.callback([options, &dispatch] {
    dispatch.chosen = [options](const CommonOptions&) -> Result<int> {
      const auto cluster = open_cluster(options->list);
      if (!cluster) return std::unexpected(cluster.error());
      options->json ? print_json(cluster->nodes) : print_table(cluster->nodes);
      return exit_code::ok;
    };
  });
}

}  // namespace ec2mpi::cli
