// `ec2mpi ips`: the first step of many scripts. It reads the list, writes the addresses of the running nodes
// to nodeIPaddress, one a line, and prints the same lines.

#include <fmt/format.h>

#include <cstdlib>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cluster/list/inventory_text.hpp"
#include "src/cli/commands/left_out.hpp"

namespace ec2mpi::cli {

namespace {

struct IpsOptions {
  ListOptions list;
  std::optional<std::string> file;
  bool json = false;
};

/// FILE stands for --list. It wins over EC2MPI_LIST; beside --list, one of the two would be ignored.
Result<ListOptions> list_options(const IpsOptions& options) {
  ListOptions list = options.list;
  if (!options.file) return list;
  const char* const usual = std::getenv("EC2MPI_LIST");
  if (list.list && (usual == nullptr || *list.list != usual))
    return fail(ErrorKind::usage, fmt::format("ips reads one list: leave out {} or --list {}",
                                              printable(*options.file), printable(*list.list)));
  list.list = options.file;
  return list;
}

/// Instances that are left out stand in the document, so that a script sees why a node is missing.
std::string json_of(const Inventory& inventory) {
  Json document = {{"addresses", Json::array()}, {"left_out", Json::array()}};
  for (const auto& node : inventory.nodes) document["addresses"].push_back(node.address);
  for (const auto& skipped : inventory.skipped)
    document["left_out"].push_back(
        {{"id", skipped.instance_id}, {"name", skipped.name}, {"state", skipped.state}});
  return dump_json(document) + "\n";
}

Result<int> run_ips(const IpsOptions& options) {
  TRY_AS(list, list_options(options));
  TRY_AS(cluster, open_cluster(*list));
  const auto addresses = addresses_text(cluster->inventory);
  // `--list -` stands in a pipe, where the addresses are printed even if no file can be written.
  const bool is_filter = cluster->list == "-";
  // In one step: a failed write leaves the old addresses, and no script reads half of the new ones.
  if (auto written = write_own_file("nodeIPaddress", addresses, 0644); !written) {
    if (!is_filter) return std::unexpected(written.error());
    print_talk(fmt::format("ec2mpi: {}; the addresses are printed only\n", written.error().message));
  }
  // So later commands give the nodes the numbers of these lines.
  remember_if_possible(*cluster);
  print_result(options.json ? json_of(cluster->inventory) : addresses);
  // On standard error: standard output has addresses only.
  for (const auto& note : cluster->inventory.notes)
    print_talk(fmt::format("ec2mpi: {}: {}\n", cluster->inventory.source, note));
  tell_left_out(cluster->inventory);
  return exit_code::ok;
}

}  // namespace

void add_ips_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<IpsOptions>();
  auto& command = add_command(app, "ips", "Prints one address a line, and writes them to nodeIPaddress here",
                              "ec2mpi ips");
  add_list_options(command, options->list);
  add_option(command, "file", options->file, "The instance list, as --list").type_name("FILE");
  add_flag(command, "--json", options->json, "As one JSON document");
  add_flag(command, "--renumber", options->list.renumber,
           "Count the nodes in the list's order; else known instances keep their index");
  when_typed(command, [options, &dispatch] {
    dispatch.chosen = [options](const CommonOptions&) { return run_ips(*options); };
  });
}

}  // namespace ec2mpi::cli
