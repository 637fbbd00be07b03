// `ec2mpi up`: starts instances and makes a cluster of them. A plan is made and tried as a dry run, the user
// agrees, then come group, key, instances and list, and `setup` at the end. If the start fails, everything
// that was started is ended; if only `setup` fails, the instances stay.

#include <fmt/format.h>
#include <algorithm>
#include <exception>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cli/session/world.hpp"
#include "ec2mpi/cli/terminal/answer.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cli/commands/check_life.hpp"
#include "src/cli/commands/cluster_parts.hpp"
#include "src/cli/commands/console_keys.hpp"
#include "src/cli/commands/grow.hpp"
#include "src/cli/commands/launch_plan.hpp"
#include "src/cli/commands/life_options.hpp"
#include "src/cli/commands/new_cluster.hpp"
#include "src/cli/commands/setup.hpp"

namespace ec2mpi::cli {

namespace {

namespace fs = std::filesystem;

/// In one command; a guard against a slip of the keyboard.
constexpr std::size_t kMostInstances = 200;
constexpr std::size_t kLoginRetries = 20;  ///< with growing pauses, 105 s in all: sshd starts before that
/// Instances whose console is shown if they do not answer.
constexpr std::size_t kShownConsoles = 3;

struct UpOptions {
  std::size_t count = 0;
  std::size_t add = 0;
  std::vector<std::string> replaced = {};
  LaunchOptions launch = {};
  std::string cluster = "cluster";
  std::optional<std::string> list = {};
  std::optional<std::string> from = {};
  LifeOptions life = {};
  std::size_t retries = kLoginRetries;
  bool force = false;
  Agreement agreement = {};
  cloud::CloudFlags account = {};
};

/// An `up` that was killed leaves its key and no list, and its instances may run: without the key nobody
/// could log in to them.
std::string advice_on_key(const fs::path& key) {
  const auto stem = key.stem().string();
  const auto begin = part_name("").size();
  const auto cluster = stem.starts_with(part_name("")) ? stem.substr(begin) : std::string();
  if (!cloud::is_cluster_name(cluster)) return ", or remove it if its cluster has ended";
  return fmt::format(
      "; `ec2mpi status --cluster {0}` shows whether its instances run, `ec2mpi down --cluster {0}` ends "
      "them, and after that the file may be removed",
      cluster);
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
        fmt::format("{} lies where the key of the new cluster will lie, and commands could not choose "
                    "between them; use another folder{}",
                    printable(entry.path().string()), advice_on_key(entry.path())));
  }
  return {};
}

/// The life begins with the start, not with the question before it.
void begin_life(const InstanceContext& context, LaunchPlan& plan) {
  const auto now = std::chrono::floor<std::chrono::seconds>(context.runtime.options().world->now());
  plan.end_of_life = now + plan.life.length;
}

Result<void> choose_life(const InstanceContext& context, const UpOptions& options, LaunchPlan& plan) {
  const cloud::PriceList prices(context.config.prices, context.region);
  TRY_AS(life, choose_lifetime(options.life, prices, type_names(options.launch, ""), options.count));
  plan.life = *life;
  begin_life(context, plan);
  return {};
}

/// Only asks: nothing is made in the account before the user has agreed.
asio::awaitable<cloud::Answer<LaunchPlan>> make_plan(InstanceContext& context, const UpOptions& options,
                                                     fs::path list) {
  CO_TRY_AS(plan, begin_plan(options.launch));
  plan->count = options.count;
  CO_TRY(choose_life(context, options, *plan));
  plan->cluster = options.cluster;
  plan->tags = cluster_tags(options.cluster);
  plan->list = std::move(list);
  LaunchDefaults none;
  CO_TRY(co_await complete_plan(context, options.launch, std::move(none), *plan));
  CO_TRY_AS(network, co_await choose_network(context, options.from));
  plan->network = std::move(*network);
  co_return std::move(*plan);
}

asio::awaitable<void> show_new_cluster(InstanceContext& context, const LaunchPlan& plan) {
  context.console().talk(fmt::format("up: {} in {}, cluster {}", count_of(plan.count, "instance"),
                                     context.region, plan.cluster));
  co_await show_plan(context, plan);
  const auto only = plan.network == kEverybody ? "" : " only";
  context.console().talk(
      fmt::format("  ssh from {}{}; ends with ec2mpi down", shown_network(plan.network), only));
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

/// Names region and profile, because another shell may have other ones.
std::string removal_command(const InstanceContext& context, const LaunchPlan& plan) {
  const auto& profile = context.options.account.profile;
  return fmt::format("ec2mpi down --cluster {} --region {}{}", plan.cluster, context.region,
                     profile ? " --profile " + quote_word(*profile) : "");
}

/// Reports the failure, and ends everything that was started.
asio::awaitable<int> give_up(InstanceContext& context, const LaunchPlan& plan, const Launched& launched,
                             Error error) {
  // Read first: undo_start replaces the token of the context.
  const bool interrupted = context.stop.stop_requested();
  context.console().status("");
  context.console().talk(fmt::format("ec2mpi: {}; ending everything that was started",
                                     interrupted ? std::string("interrupted") : error.message));
  bool removed = false;
  // The words about the rest must come whatever happens to the removal itself.
  try {
    removed = co_await undo_start(context, plan, launched);
  } catch (const std::exception& exception) {
    context.console().talk(fmt::format("ec2mpi: {}", exception.what()));
  }
  context.console().talk(removed ? "ec2mpi: nothing of it is left"
                                 : "ec2mpi: to remove the rest: " + removal_command(context, plan));
  if (interrupted) co_return exit_code::interrupted;
  // Exit code 2 promises that nothing of it is left.
  co_return removed ? exit_code::not_started : exit_code::node_failed;
}

std::string claim_words(const InstanceContext& context, const LaunchPlan& plan) {
  return "ec2mpi: the security group of the cluster may be left; to remove it: " +
         removal_command(context, plan);
}

/// EC2 need not have refused: where no answer came, the group may be there.
int report_claim(InstanceContext& context, const LaunchPlan& plan, const cloud::ApiError& error) {
  const bool refused = !error.code.empty() || error.problem == cloud::Problem::exists;
  if (refused) return report_error(context, error, exit_code::not_started);
  const int code = report_error(context, error, exit_code::node_failed);
  context.console().talk(claim_words(context, plan));
  return code;
}

/// After a bug in it nobody knows whether the group is there.
asio::awaitable<cloud::Answer<std::string>> claim_or_name(InstanceContext& context, const LaunchPlan& plan) {
  try {
    auto group = co_await claim_cluster(context, plan);
    co_return group;
  } catch (const std::exception&) {
    context.console().talk(claim_words(context, plan));
    throw;
  }
}

/// Exit code 2 means that the account is as before; 1, that something of the cluster is left.
asio::awaitable<int> bring_up(InstanceContext& context, const UpOptions& options, fs::path list) {
  auto plan = co_await make_plan(context, options, std::move(list));
  if (!plan) co_return report_error(context, plan.error(), exit_code::not_started);
  const auto free = co_await refuse_tag_in_use(context, *plan);
  if (!free) co_return report_error(context, free.error(), exit_code::not_started);
  const auto allowed = co_await try_launch(context, *plan);
  if (!allowed) co_return report_error(context, allowed.error(), exit_code::not_started);
  answer_fields()["cluster"] = plan->cluster;
  co_await show_new_cluster(context, *plan);
  if (options.agreement.dry_run) co_return exit_code::ok;
  if (!options.agreement.yes) {
    const auto agreed = co_await ask_to_type(context, fmt::format("up {}", plan->count));
    if (!agreed) co_return report_error(context, agreed.error(), exit_code::not_started);
    if (!*agreed) co_return exit_code::not_started;
  }
  // Another `up` for this list, or for its folder, would write over the list and the key of this one.
  const auto lock = lock_for_launch(plan->list);
  if (!lock) co_return report_error(context, lock.error(), exit_code::not_started);
  // Once more, because the user may have taken time for the answer.
  const auto unused = refuse_list_in_use(plan->list);
  if (!unused) co_return report_error(context, unused.error(), exit_code::not_started);
  begin_life(context, *plan);
  const auto group = co_await claim_or_name(context, *plan);
  if (!group) co_return report_claim(context, *plan, group.error());
  plan->security_groups = {*group};
  plan->key_pair = part_name(plan->cluster);
  // From here on there are things in the account, which a second Ctrl-C leaves behind.
  context.runtime.set_parting_words(
      [&context, &plan] { return "to remove the rest: " + removal_command(context, *plan); });
  Launched launched;
  std::exception_ptr bug;
  auto start = start_cluster(context, *plan, launched);
  const auto started = co_await catch_bug(std::move(start), bug);
  if (started) co_return exit_code::ok;
  const int code = co_await give_up(context, *plan, launched, started.error());
  if (bug) std::rethrow_exception(bug);
  co_return code;
}

asio::awaitable<int> show_consoles(InstanceContext& context) {
  for (const auto& id : context.ids) {
    const auto text = co_await context.ec2.console_output(id, context.limit());
    if (!text) co_return report_error(context, text.error(), exit_code::node_failed);
    context.console().talk(fmt::format("ec2mpi: {} does not answer; the end of its console: {}",
                                       title_of(context, id), end_of_console(*text)));
  }
  co_return exit_code::ok;
}

/// The nodes to which no connection was possible.
/// At most kShownConsoles of them: the end of each console is several lines.
std::vector<std::string> silent_ids(const FleetReport& report) {
  std::vector<std::string> ids;
  for (const auto& result : report.results) {
    const auto* const error = std::get_if<Error>(&result.outcome);
    const bool silent = error != nullptr && result.reached <= ssh::Phase::connecting;
    if (silent && ids.size() < kShownConsoles) ids.push_back(result.node.instance_id);
  }
  return ids;
}

/// Old and new nodes must trust each other, so all of them are set up; nothing is repeated on the old ones.
Result<int> set_up_nodes(const UpOptions& options, const fs::path& list, SetupOptions setup,
                         const CommonOptions& common) {
  std::vector<std::string> silent;
  setup.list.list = list.string();
  // For EC2 an instance runs some time before its sshd answers.
  setup.fleet.retries = options.retries;
  setup.on_end = [&silent](const FleetReport& report) { silent = silent_ids(report); };
  const auto code = run_setup(setup, common);
  if (code && *code == exit_code::ok) return code;
  // The instances stay: only setup has failed, and it may be repeated.
  if (!code) print_talk("ec2mpi: " + code.error().message + "\n");
  print_talk(
      "ec2mpi: the instances run and cost money; `ec2mpi setup` sets them up, `ec2mpi down` ends them\n");
  if (!silent.empty()) {
    InstanceOptions which{.list = list.string(), .ids = silent, .account = options.account};
    std::ignore = run_on_instances(which, common, show_consoles);
  }
  return code.value_or(exit_code::node_failed);
}

/// The new nodes may only log in with the host keys from their consoles.
Result<int> start_new(const UpOptions& options, const CommonOptions& common) {
  if (!cloud::is_cluster_name(options.cluster))
    return fail(ErrorKind::usage, fmt::format("--cluster: '{}' is not a name; use letters, digits and dashes",
                                              printable(options.cluster)));
  TRY_AS(config, load_settings());
  const fs::path list = find_list(options.list, *config).value_or("amazon_instances_info");
  TRY(refuse_list_in_use(list));
  TRY(refuse_other_keys(list, *config));
  InstanceOptions which{.cluster = options.cluster, .account = options.account};
  TRY_AS(code, run_on_instances(which, common, [&options, &list](InstanceContext& context) {
           return bring_up(context, options, list);
         }));
  if (*code != exit_code::ok || options.agreement.dry_run) return code;
  SetupOptions setup;
  setup.connect.identity = fs::absolute(key_file(list, options.cluster)).string();
  // The host keys are known already, so an unknown one is not that of the node.
  setup.connect.strict_host_keys = true;
  TRY_AS(done, set_up_nodes(options, list, std::move(setup), common));
  if (*done != exit_code::ok) return done;
  // An image without cloud-init ignores the user data, and its instances would never end.
  InstanceOptions started{.list = list.string(), .account = options.account};
  return run_on_instances(started, common, check_life);
}

/// `--replace` takes the word failed, ids, or the selectors of -w.
Result<int> grow(const UpOptions& options, const CommonOptions& common) {
  TRY_AS(config, load_settings());
  TRY_AS(list, find_list(options.list, *config));
  InstanceOptions which{.list = list->string(), .account = options.account};
  GrowOptions grown{
      .add = options.add, .launch = options.launch, .agreement = options.agreement, .force = options.force};
  // One id is enough to read all words as ids and not as selectors.
  const auto is_id = [](const std::string& word) { return is_instance_id(word.substr(0, word.find(','))); };
  grown.replaces_failed = options.replaced == std::vector<std::string>{"failed"};
  if (!grown.replaces_failed)
    (std::ranges::any_of(options.replaced, is_id) ? which.ids : which.wanted) = options.replaced;
  TRY_AS(code, run_on_instances(which, common,
                                [&grown](InstanceContext& context) { return grow_cluster(context, grown); }));
  if (*code != exit_code::ok || options.agreement.dry_run) return code;
  return set_up_nodes(options, *list, {}, common);
}

Result<int> run_up(const UpOptions& options, const CommonOptions& common) {
  const int verbs =
      (options.count != 0 ? 1 : 0) + (options.add != 0 ? 1 : 0) + (options.replaced.empty() ? 0 : 1);
  if (verbs != 1) return fail(ErrorKind::usage, "up: give one of COUNT, --add N and --replace NODES");
  if (options.count == 0) return grow(options, common);
  if (options.launch.types.empty())
    return fail(ErrorKind::usage, "up: which instances? --type c5n.large, for example");
  return start_new(options, common);
}

}  // namespace

void add_up_command(CLI::App& app, Dispatch& dispatch) {
  auto options = std::make_shared<UpOptions>();
  auto& command =
      add_command(app, "up", "Starts instances, writes their list, and sets them up for MPI",
                  "ec2mpi up 4 --type c5n.large --region us-east-2\n"
                  "  ec2mpi up 4 --type c5n.large,c5.large --dry-run\n"
                  "  ec2mpi up 8 --type c5n.large --spot workers --disk 100G,gp3\n"
                  "  ec2mpi up --add 4             four more, like the last worker of the list\n"
                  "  ec2mpi up --replace failed    new ones for those that have ended or fail EC2's checks\n"
                  "  ec2mpi down                   ends them again");
  const auto instances = number(1, int{kMostInstances});
  const auto count =
      add_option(command, "COUNT", options->count, "How many, for a new cluster").transform(instances);
  const auto add = add_option(command, "--add", options->add, "This many more for the list")
                       .type_name("N")
                       .transform(instances)
                       .excludes(count);
  const auto replace = add_option(command, "--replace", options->replaced,
                                  "New instances for these of the list: failed, numbers as in -w, ids")
                           .type_name("NODES")
                           .allow_extra_args(false)
                           .excludes(count)
                           .excludes(add);
  add_launch_options(command, options->launch);
  add_option(command, "--cluster", options->cluster,
             "Name of a new cluster, in the tag ec2mpi:cluster [cluster]")
      .type_name("NAME")
      .excludes(add)
      .excludes(replace);
  add_option(command, "--from", options->from, "Address or network that may log in by ssh [yours]")
      .type_name("ADDRESS")
      .excludes(add)
      .excludes(replace);
  add_option(command, "--list", options->list, "The list to write [amazon_instances_info]")
      .type_name("FILE")
      .envname("EC2MPI_LIST");
  add_option(command, "--retries", options->retries,
             fmt::format("Retries of the first connection to each instance [{}]", kLoginRetries))
      .type_name("N");
  add_flag(command, "--force", options->force, "Replace also while jobs run, and if results would be lost")
      .needs(replace);
  add_flag(command, "--yes", options->agreement.yes, "Do not ask");
  add_flag(command, "--dry-run", options->agreement.dry_run,
           "Ask EC2 whether it would be allowed; start nothing");
  add_life_options(command, options->life);
  add_account_options(command, options->account);
  set_work(command, dispatch, options, run_up);
}

}  // namespace ec2mpi::cli
