#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cluster/list/read_inventory.hpp"
#include "src/cli/commands/cluster_parts.hpp"
#include "src/cli/commands/new_cluster.hpp"
#include "src/cli/commands/setup.hpp"

namespace ec2mpi::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* kUbuntuPublisher = "099720109477";  ///< Canonical; a name alone proves nothing
constexpr std::size_t kMostInstances = 200;
constexpr std::size_t kLoginRetries = 20;  ///< with growing pauses, 105 s in all: sshd starts before that

struct UpOptions {
  std::size_t count = 0;
  std::vector<std::string> types;
  std::string cluster = "cluster";
  std::optional<std::string> list = {};
  std::optional<std::string> image = {};
  std::optional<std::string> from = {};
  Agreement agreement;
  cloud::CloudFlags account = {};
};

/// A list of ended instances may be replaced, and no other.
Result<void> refuse_list_in_use(const fs::path& list) {
  std::error_code ignored;
  if (!fs::exists(list, ignored)) return {};
  const auto found = load_inventory(list, {.choose_addresses = false, .addresses_required = false});
  const auto has_ended = [](const Skipped& one) { return one.state == "terminated"; };
  if (found && found->nodes.empty() && std::ranges::all_of(found->skipped, has_ended)) return {};
  return fail(ErrorKind::usage,
              fmt::format("{} is there already, and up would replace it; end its instances with ec2mpi down, "
                          "or name another file with --list",
                          list.string()));
}

/// All later commands must find the key of the cluster, and only that one. A key of the same name may be that
/// of a cluster in another region.
Result<void> refuse_other_keys(const fs::path& list, const Config& config) {
  if (config.identity)
    return fail(
        ErrorKind::usage,
        "the settings name an identity, but up makes a new key for each cluster; remove the identity");
  std::error_code ignored;
  const auto folder = list.parent_path();
  for (const auto& entry : fs::directory_iterator(folder.empty() ? "." : folder, ignored)) {
    if (entry.path().extension() != ".pem") continue;
    return fail(
        ErrorKind::usage,
        fmt::format(
            "{} lies where the key of the new cluster will lie, and commands "
            "could not choose between them; use another folder, or remove it if its cluster has ended",
            printable(entry.path().string())));
  }
  return {};
}

std::vector<std::string> type_names(const UpOptions& options) {
  std::vector<std::string> names;
  for (const auto& word : options.types)
    for (const auto name : split(word, ',')) names.emplace_back(trim(name));
  return names;
}

/// The publisher's newest image, for processors of this kind.
asio::awaitable<cloud::Answer<cloud::Image>> find_image(InstanceContext& context, const UpOptions& options,
                                                        std::string architecture) {
  if (options.image) co_return cloud::Image{*options.image, "", ""};
  const auto pattern = fmt::format("ubuntu/images/hvm-ssd*/ubuntu-noble-24.04-{}-server-*",
                                   architecture == "x86_64" ? "amd64" : architecture);
  auto image = co_await context.ec2.newest_image(kUbuntuPublisher, pattern, context.limit());
  co_return image;
}

asio::awaitable<cloud::Answer<LaunchPlan>> make_plan(InstanceContext& context, const UpOptions& options,
                                                     fs::path list) {
  LaunchPlan plan{.cluster = options.cluster,
                  .count = options.count,
                  .choices = {},
                  .network = {},
                  .list = std::move(list)};
  for (const auto& name : type_names(options)) {
    CO_TRY_AS(type, co_await context.ec2.instance_type(name, context.limit()));
    CO_TRY_AS(image, co_await find_image(context, options, type->architecture));
    plan.choices.push_back({std::move(*type), std::move(*image)});
  }
  CO_TRY_AS(network, co_await choose_network(context, options.from));
  plan.network = std::move(*network);
  co_return std::move(plan);
}

std::string price_of(const InstanceContext& context, const LaunchPlan& plan, const std::string& type) {
  const auto price = context.config.prices.find(type);
  if (price == context.config.prices.end())
    return "price not known; [prices] of ec2mpi.toml has no such type";
  return fmt::format("{:.2f} an hour, by [prices]", price->second * static_cast<double>(plan.count));
}

void show_plan(InstanceContext& context, const LaunchPlan& plan) {
  auto& console = context.console();
  console.talk(fmt::format("up: {} in {}, cluster {}", count_of(plan.count, "instance"), context.region,
                           plan.cluster));
  for (const auto& [type, image] : plan.choices)
    console.talk(
        fmt::format("  {}{} ({} each), {} {}; {}{}", &type == &plan.choices.front().type ? "" : "or ",
                    type.name, count_of(static_cast<std::size_t>(type.cores), "core"), image.id, image.name,
                    price_of(context, plan, type.name),
                    plan.count > 1 && !type.cluster_placement ? "; cannot be placed close together" : ""));
  console.talk(fmt::format("  ssh from {} only; ends with ec2mpi down", plan.network));
}

/// After a failure all instances of the new cluster end: nobody else's may have its tag.
asio::awaitable<cloud::Answer<void>> refuse_tag_in_use(InstanceContext& context, const LaunchPlan& plan) {
  CO_TRY_AS(tagged, co_await look_up(context));
  if (std::ranges::all_of(tagged->known, &cloud::Instance::is_gone)) co_return cloud::Answer<void>();
  Error error{ErrorKind::usage,
              fmt::format("a cluster named {0} exists already in {1}; see ec2mpi status --cluster {0}; "
                          "--cluster chooses another name",
                          plan.cluster, context.region)};
  co_return std::unexpected(cloud::ApiError(std::move(error)));
}

asio::awaitable<cloud::Answer<void>> ask_ec2(InstanceContext& context, const LaunchPlan& plan) {
  for (const auto& choice : plan.choices) {
    CO_TRY(co_await context.ec2.run_instances(launch_request(plan, choice), true, context.limit()));
  }
  co_return cloud::Answer<void>();
}

std::string removal_command(const InstanceContext& context, const LaunchPlan& plan) {
  const auto& profile = context.options.account.profile;
  return fmt::format("ec2mpi down --cluster {} --region {}{}", plan.cluster, context.region,
                     profile ? " --profile " + quote_word(*profile) : "");
}

/// Reports the failure, and ends everything that was started.
asio::awaitable<int> give_up(InstanceContext& context, const LaunchPlan& plan, std::string group,
                             Error error) {
  const bool interrupted = context.stop.stop_requested();
  context.console().status("");
  context.console().talk(fmt::format("ec2mpi: {}; ending everything that was started",
                                     interrupted ? std::string("interrupted") : error.message));
  const bool removed = co_await undo_start(context, plan, std::move(group));
  context.console().talk(removed ? "ec2mpi: nothing of it is left"
                                 : "ec2mpi: to remove the rest: " + removal_command(context, plan));
  if (interrupted) co_return exit_code::interrupted;
  co_return removed ? exit_code::not_started : exit_code::node_failed;
}

asio::awaitable<int> bring_up(InstanceContext& context, const UpOptions& options, fs::path list) {
  const auto plan = co_await make_plan(context, options, std::move(list));
  if (!plan) co_return report_error(context, plan.error(), exit_code::not_started);
  const auto free = co_await refuse_tag_in_use(context, *plan);
  if (!free) co_return report_error(context, free.error(), exit_code::not_started);
  const auto allowed = co_await ask_ec2(context, *plan);
  if (!allowed) co_return report_error(context, allowed.error(), exit_code::not_started);
  show_plan(context, *plan);
  if (options.agreement.dry_run) co_return exit_code::ok;
  if (!options.agreement.yes) {
    const auto agreed = co_await ask_to_type(context, fmt::format("up {}", plan->count));
    if (!agreed) co_return report_error(context, agreed.error(), exit_code::not_started);
    if (!*agreed) co_return exit_code::not_started;
  }
  const auto group = co_await claim_cluster(context, *plan);
  if (!group) co_return report_error(context, group.error(), exit_code::not_started);
  context.runtime.set_parting_words(
      [&context, &plan] { return "to remove the rest: " + removal_command(context, *plan); });
  const auto started = co_await start_cluster(context, *plan, *group);
  if (started) co_return exit_code::ok;
  const int code = co_await give_up(context, *plan, *group, started.error());
  co_return code;
}

/// The new nodes may only log in with the host keys from their consoles.
Result<int> set_up_nodes(const UpOptions& options, const fs::path& list, const CommonOptions& common) {
  SetupOptions setup;
  setup.list.list = list.string();
  setup.connect.identity = fs::absolute(key_file(list, options.cluster)).string();
  setup.connect.strict_host_keys = true;
  setup.fleet.retries = kLoginRetries;
  const auto code = run_setup(setup, common);
  if (code && *code == exit_code::ok) return code;
  if (!code) print_talk("ec2mpi: " + code.error().message + "\n");
  print_talk(
      "ec2mpi: the instances run, and cost; `ec2mpi setup` sets them up, and `ec2mpi down` ends them\n");
  return code.value_or(exit_code::node_failed);
}

Result<int> run_up(const UpOptions& options, const CommonOptions& common) {
  if (!cloud::is_cluster_name(options.cluster))
    return fail(ErrorKind::usage, fmt::format("--cluster: '{}' is not a name; use letters, digits and dashes",
                                              printable(options.cluster)));
  TRY_AS(config, load_settings());
  const fs::path list = find_list(options.list, *config).value_or("amazon_instances_info");
  TRY(refuse_list_in_use(list));
  TRY(refuse_other_keys(list, *config));
  InstanceOptions which;
  which.cluster = options.cluster;
  which.account = options.account;
  TRY_AS(code, run_on_instances(which, common, [&options, &list](InstanceContext& context) {
           return bring_up(context, options, list);
         }));
  if (*code != exit_code::ok || options.agreement.dry_run) return code;
  return set_up_nodes(options, list, common);
}

}  // namespace

void add_up_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<UpOptions>();
  auto& command = add_command(app, "up", "Starts instances, writes their list, and sets them up for MPI",
                              "ec2mpi up 4 --type c5n.large --region us-east-2\n"
                              "  ec2mpi up 4 --type c5n.large,c5.large --dry-run\n"
                              "  ec2mpi down                   ends them again");
  command.add_option("COUNT", options->count, "How many")
      ->required()
      ->check(number(std::size_t{1}, kMostInstances));
  command.add_option("--type", options->types, "Instance type; others, if there is no place for it")
      ->required()
      ->type_name("TYPE,...")
      ->allow_extra_args(false);
  command.add_option("--cluster", options->cluster, "Its name, in the tag ec2mpi:cluster [cluster]")
      ->type_name("NAME");
  command.add_option("--ami", options->image, "Image [the newest Ubuntu 24.04]")->type_name("ID");
  command.add_option("--from", options->from, "Address or network that may log in by ssh [yours]")
      ->type_name("ADDRESS");
  command.add_option("--list", options->list, "The list to write [amazon_instances_info]")
      ->type_name("FILE")
      ->envname("EC2MPI_LIST");
  command.add_flag("--yes", options->agreement.yes, "Do not ask");
  command.add_flag("--dry-run", options->agreement.dry_run,
                   "Ask EC2 whether it would be allowed; start nothing");
  add_account_options(command, options->account);
  command.callback([options, &dispatch] {
    dispatch.chosen = [options](const CommonOptions& common) { return run_up(*options, common); };
  });
}

}  // namespace ec2mpi::cli
