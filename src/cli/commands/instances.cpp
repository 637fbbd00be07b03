#include "src/cli/commands/instances.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <functional>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/world.hpp"
#include "ec2mpi/cli/terminal/aligned.hpp"
#include "ec2mpi/cli/terminal/answer.hpp"
#include "ec2mpi/cli/terminal/terminal.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"

namespace ec2mpi::cli {

namespace {

constexpr auto kMostWait = std::chrono::minutes(10);  ///< EC2 stops a big instance within a few minutes
/// Between two questions to EC2: the pause doubles from the first to the slowest, for EC2 limits the calls.
constexpr auto kFirstLook = std::chrono::milliseconds(250);
constexpr auto kSlowestLook = std::chrono::seconds(5);
/// EC2 shows an ended instance for about an hour. One that is missing once may be a slip of EC2's.
constexpr int kForgottenAfter = 4;

/// -w chooses among all instances of the list, also those that do not run, by the labels that `status` shows.
/// Errors: usage.
Result<std::vector<std::string>> selected_ids(const InstanceOptions& options, const Config& config,
                                              const ListedInstances& list) {
  Cluster cluster;
  cluster.config = config;
  cluster.list = list.file;
  cluster.state = list.state;
  cluster.inventory.nodes = list.nodes;
  // A selection expects the order of the numbers.
  std::ranges::stable_sort(cluster.inventory.nodes, {}, &Node::index);
  ListOptions wanted;
  wanted.wanted = options.wanted;
  auto nodes = choose_nodes(cluster, wanted);
  if (!nodes) {
    const auto nameless = std::ranges::find(list.nodes, 0, &Node::index);
    if (nameless != list.nodes.end())
      nodes.error().message += fmt::format("; {} ({}) has no number, so name it with --ids",
                                           nameless->instance_id, nameless->state);
    return std::unexpected(nodes.error());
  }
  std::vector<std::string> ids;
  for (const auto& node : *nodes) ids.push_back(node.instance_id);
  return ids;
}

/// An id that is named twice counts once. Errors: usage.
Result<std::vector<std::string>> named_ids(const std::vector<std::string>& words) {
  std::vector<std::string> ids;
  for (const auto& word : words) {
    for (const auto part : split(word, ',')) {
      if (!is_instance_id(part))
        return fail(ErrorKind::usage, fmt::format("--ids: '{}' is not an instance id", printable(part)));
      if (std::ranges::find(ids, part) == ids.end()) ids.emplace_back(part);
    }
  }
  return ids;
}

/// --ids wins over the list, and needs none. Errors: usage.
Result<std::vector<std::string>> chosen_ids(const InstanceOptions& options, const Config& config,
                                            const std::optional<ListedInstances>& list) {
  if (!options.ids.empty()) return named_ids(options.ids);
  if (options.cluster) return std::vector<std::string>();
  std::vector<std::string> ids;
  for (const auto& node : list->nodes) ids.push_back(node.instance_id);
  if (!ids.empty() && !options.wanted.empty()) return selected_ids(options, config, *list);
  if (ids.empty())
    return fail(ErrorKind::usage,
                fmt::format("{} has no instance ids, by which EC2 knows its instances; name them with --ids",
                            list->file.string()));
  return ids;
}

/// Holds `work` in its frame: a lambda with captures must outlive the coroutine that it starts.
asio::awaitable<int> on_loop(InstanceContext& context,
                             std::function<asio::awaitable<int>(InstanceContext&)> work) {
  const int code = co_await work(context);
  co_return code;
}

/// For the question whether the user agrees: numbers and names, by which people know their instances.
std::string short_table(const InstanceContext& context, const std::vector<cloud::Instance>& instances) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& one : instances)
    rows.push_back(
        {"  " + title_of(context, one.id), one.tag("Name"), one.type, one.state, one.public_address});
  return rows.empty() ? std::string() : aligned(std::move(rows));
}

/// Whether ec2mpi has started it.
bool is_tagged(const cloud::Instance& instance) {
  return !instance.tag(cloud::kClusterTag).empty();
}

/// The next line of standard input; nothing at its end.
asio::awaitable<Result<std::optional<std::string>>> read_line(InstanceContext& context) {
  InputStream input(context.runtime.executor(), STDIN_FILENO);
  std::string line;
  while (line.find('\n') == std::string::npos) {
    auto bytes = co_await input.read(context.limit());
    if (!bytes) co_return std::unexpected(bytes.error());
    if (!*bytes) break;
    line += **bytes;
    // No answer is that long, and input without a line end must not fill the memory.
    if (line.size() > 4096) break;
  }
  if (line.empty()) co_return std::optional<std::string>();
  co_return std::optional(std::string(trim(line.substr(0, line.find('\n')))));
}

/// EC2 forgets an instance some time after its end; the list may still have it.
bool has_ended(const InstanceContext& context, const std::string& id) {
  if (!context.list) return false;
  const auto node = std::ranges::find(context.list->nodes, id, &Node::instance_id);
  return node != context.list->nodes.end() && node->state == "terminated";
}

/// "2 of 4 running; node3 (i-0123…) is pending". Three late ones are named, to keep it one line.
std::string late_line(const InstanceContext& context, const std::vector<cloud::Instance>& instances,
                      const std::string& state) {
  std::vector<std::string> late;
  for (const auto& one : instances)
    if (one.state != state)
      late.push_back(fmt::format("{} is {}{}", title_of(context, one.id), one.state,
                                 one.is_ending() && !one.reason.empty() ? " (" + one.reason + ")" : ""));
  const auto shown = std::min<std::size_t>(late.size(), 3);
  return fmt::format("{} of {} {}; {}{}", instances.size() - late.size(), instances.size(), state,
                     join({late.begin(), late.begin() + static_cast<std::ptrdiff_t>(shown)}, ", "),
                     late.size() > shown ? ", ..." : "");
}

/// For --json: the instances with their last known states.
void add_to_answer(const InstanceContext& context, const std::vector<cloud::Instance>& instances) {
  auto& all = answer_fields()["instances"];
  if (!all.is_array()) all = Json::array();
  for (const auto& one : instances) {
    Json entry = {{"id", one.id},
                  {"state", one.state},
                  {"public_address", one.public_address},
                  {"private_address", one.private_address}};
    if (const auto title = title_of(context, one.id); title != one.id)
      entry["node"] = title.substr(0, title.find(' '));
    const auto known = std::ranges::find_if(all, [&](const Json& each) { return each["id"] == one.id; });
    if (known == all.end())
      all.push_back(std::move(entry));
    else
      *known = std::move(entry);
  }
}

/// Says once how the numbers have changed, as every command on nodes does.
void report_new_numbers(const ListedInstances& list) {
  ListOptions all;
  all.list = list.file.string();
  // Without a readable list the next command finds the same change.
  if (const auto cluster = open_cluster(all)) remember_if_possible(*cluster);
}

/// True of no instances, too.
bool all_in(const std::vector<cloud::Instance>& instances, const std::string& state) {
  return std::ranges::all_of(instances, [&](const cloud::Instance& one) { return one.state == state; });
}

}  // namespace

void add_instance_options(CLI::App& command, InstanceOptions& options) {
  constexpr const char* kWhich = "Which instances";
  add_option(command, "--list", options.list, "Those of this instance list [amazon_instances_info]")
      .type_name("FILE")
      .envname("EC2MPI_LIST")
      .group(kWhich);
  // Without allow_extra_args(false), CLI11 takes the words behind a value for more values.
  const auto wanted =
      add_option(command, "-w,--nodes", options.wanted, "Only these nodes of the list: 1,3-5 name=GLOB ...")
          .type_name("NODES")
          .allow_extra_args(false)
          .group(kWhich);
  const auto ids = add_option(command, "--ids", options.ids, "These instances, whatever the list says")
                       .type_name("ID,...")
                       .allow_extra_args(false)
                       .group(kWhich);
  add_option(command, "--cluster", options.cluster, "Those whose tag ec2mpi:cluster has this value")
      .type_name("NAME")
      .excludes(wanted)
      .excludes(ids)
      .group(kWhich);
  add_account_options(command, options.account);
}

void add_account_options(CLI::App& command, cloud::CloudFlags& account) {
  constexpr const char* kAccount = "Which account";
  add_option(command, "--region", account.region, "AWS region [AWS_REGION, or the profile's]")
      .type_name("NAME")
      .group(kAccount);
  add_option(command, "--profile", account.profile, "Profile of ~/.aws/config [AWS_PROFILE]")
      .type_name("NAME")
      .group(kAccount);
  add_option(command, "--endpoint-url", account.endpoint, "Another EC2 endpoint; http on this machine only")
      .type_name("URL")
      .group(kAccount);
}

void add_agreement_options(CLI::App& command, Agreement& agreement) {
  add_flag(command, "--yes", agreement.yes,
           "Do not ask; instances that ec2mpi has not started must then be named with --ids");
  add_flag(command, "--dry-run", agreement.dry_run, "Only ask EC2 whether it would be allowed");
}

Result<int> run_on_instances(const InstanceOptions& options, const CommonOptions& common,
                             std::function<asio::awaitable<int>(InstanceContext&)> work) {
  // EC2 takes * and ? in the value of a tag for any text.
  if (options.cluster && !cloud::is_cluster_name(*options.cluster))
    return fail(ErrorKind::usage, fmt::format("--cluster: '{}' is not a name; use letters, digits and dashes",
                                              printable(*options.cluster)));
  TRY_AS(config, load_settings());
  std::optional<ListedInstances> list;
  // With --ids the list only adds names, so a missing or unreadable one is no error.
  if (!options.cluster) {
    const auto file = find_list(options.list, *config);
    if (!file && options.ids.empty()) return std::unexpected(file.error());
    if (file) {
      auto listed = read_listed(*file);
      if (!listed && options.ids.empty()) return std::unexpected(listed.error());
      if (listed) list = std::move(*listed);
    }
  }
  TRY_AS(ids, chosen_ids(options, *config, list));
  if (list && !options.wanted.empty() && !list->renumbered.empty()) report_new_numbers(*list);
  TRY_AS(settings, cloud::find_cloud_settings(options.account, cloud::process_environment()));
  Runtime runtime(common);
  const auto ec2 = common.world->open_ec2(runtime.executor(), *settings, cloud::process_environment());
  InstanceContext context{
      runtime,         *ec2,          settings->region, std::move(*config), options, std::move(list),
      std::move(*ids), runtime.stop()};
  answer_fields()["region"] = settings->region;
  return runtime.run(on_loop(context, std::move(work)));
}

Result<void> refuse_new_numbers(const InstanceContext& context, Agreement agreement) {
  if (!agreement.yes || !context.list || context.options.wanted.empty()) return {};
  const auto& renumbered = context.list->renumbered;
  const auto is_new = [&renumbered](const std::string& id) {
    return std::ranges::count(renumbered, id) != 0;
  };
  const auto id = std::ranges::find_if(context.ids, is_new);
  if (id == context.ids.end()) return {};
  return fail(ErrorKind::usage,
              fmt::format("the numbers have changed since the last command, and the chosen {} was another "
                          "instance; nothing was changed: name the instances with --ids, or type the command "
                          "again if it is meant",
                          title_of(context, *id)));
}

Error no_instances(const InstanceContext& context) {
  if (!context.options.cluster) return {ErrorKind::usage, "all chosen instances have ended"};
  return {ErrorKind::usage,
          fmt::format("no instance in {} has the tag {}={}, or all have ended", context.region,
                      cloud::kClusterTag, printable(*context.options.cluster))};
}

std::string next_step_after_end(const InstanceContext& context) {
  const bool all = !context.list || std::ranges::all_of(context.list->nodes, [&context](const Node& node) {
    return std::ranges::count(context.ids, node.instance_id) != 0;
  });
  if (all)
    return "all of these instances have ended; ec2mpi down removes what is left of them, and then ec2mpi up "
           "starts new ones";
  return "the chosen instances have ended; ec2mpi up --replace failed starts others in their place";
}

asio::awaitable<cloud::Answer<FoundInstances>> look_up(InstanceContext& context) {
  FoundInstances found;
  if (context.options.cluster) {
    CO_TRY_AS(tagged,
              co_await context.ec2.instances(cloud::of_cluster(*context.options.cluster), context.limit()));
    found.known = std::move(*tagged);
    co_return std::move(found);
  }
  CO_TRY_AS(known, co_await context.ec2.instances_by_id(context.ids, context.limit()));
  found.known = std::move(*known);
  for (const auto& id : context.ids) {
    const auto is_it = [&id](const cloud::Instance& one) { return one.id == id; };
    // A forgotten instance is no mistake of the user's where the list itself calls it ended.
    if (std::ranges::none_of(found.known, is_it) && !has_ended(context, id)) found.unknown.push_back(id);
  }
  co_return std::move(found);
}

Result<void> refuse_unknown(const InstanceContext& context, const FoundInstances& found) {
  if (found.unknown.empty()) return {};
  std::vector<std::string> titles;
  for (const auto& id : found.unknown) titles.push_back(title_of(context, id));
  return fail(ErrorKind::usage,
              fmt::format("{}: not an instance of this account in {}; correct the list, or choose another "
                          "--region or --profile",
                          join(titles, ", "), context.region));
}

asio::awaitable<cloud::Answer<std::vector<cloud::Instance>>> look_up_known(InstanceContext& context) {
  CO_TRY_AS(found, co_await look_up(context));
  CO_TRY(refuse_unknown(context, *found));
  // EC2 shows ended instances for some time with their tags: they are of an earlier cluster of this name.
  if (context.options.cluster) std::erase_if(found->known, std::mem_fn(&cloud::Instance::is_ending));
  if (found->known.empty()) co_return std::unexpected(cloud::ApiError(no_instances(context)));
  co_return std::move(found->known);
}

std::vector<std::string> ids_of(const std::vector<cloud::Instance>& instances) {
  std::vector<std::string> ids;
  for (const auto& one : instances) ids.push_back(one.id);
  return ids;
}

std::string title_of(const InstanceContext& context, const std::string& id) {
  if (context.list) {
    for (const auto& node : context.list->nodes)
      // An instance that ec2mpi has never seen running has no number.
      if (node.instance_id == id && node.index > 0) return fmt::format("{} ({})", node.label(), id);
  }
  return id;
}

asio::awaitable<Result<bool>> ask_to_agree(InstanceContext& context, Agreement agreement, std::string verb,
                                           std::vector<cloud::Instance> instances) {
  const auto foreign = static_cast<std::size_t>(std::ranges::count_if(instances, std::not_fn(is_tagged)));
  if (!agreement.yes || !context.runtime.options().quiet) {
    context.console().talk(
        fmt::format("{}: {} in {}", verb, count_of(instances.size(), "instance"), context.region));
    context.console().talk_bytes(short_table(context, instances));
  }
  if (agreement.yes) {
    // Where nobody is asked, an old list must not end anything by mistake.
    if (foreign == 0 || !context.options.ids.empty()) co_return true;
    co_return fail(ErrorKind::usage,
                   fmt::format("ec2mpi has not started {} of these; with --yes, name all with --ids",
                               count_of(foreign, "instance")));
  }
  auto agreed = co_await ask_to_type(context, fmt::format("{} {}", verb, instances.size()));
  co_return agreed;
}

asio::awaitable<Result<bool>> ask_to_type(InstanceContext& context, std::string wanted) {
  if (::isatty(STDIN_FILENO) == 0)
    co_return fail(ErrorKind::usage, "nothing was changed: there is no terminal to ask on; use --yes");
  context.console().talk(fmt::format("Type `{}` to do it; all else changes nothing:", wanted));
  // The console writes in the background; the question must be there before the wait begins.
  co_await context.console().flush(context.limit());
  CO_TRY_AS(line, co_await read_line(context));
  if (*line && **line == wanted) co_return true;
  context.console().talk("ec2mpi: nothing was changed");
  co_return false;
}

asio::awaitable<cloud::Answer<std::vector<cloud::Instance>>> wait_for_state(InstanceContext& context,
                                                                            std::vector<std::string> ids,
                                                                            std::string state) {
  const auto limit = context.limit().at_most(kMostWait);
  Clock::duration pause = kFirstLook;
  std::vector<cloud::Instance> seen;
  int looks_without = 0;
  for (;;) {
    auto now = co_await context.ec2.instances_by_id(ids, limit);
    // A Ctrl-C ends the wait and not EC2's work, so the last states are still an answer.
    if (!now && !seen.empty() && limit.stop.stop_requested()) break;
    if (!now) co_return std::unexpected(now.error());
    seen = std::move(*now);
    const bool ends = state == "terminated";
    looks_without = seen.size() == ids.size() ? 0 : looks_without + 1;
    // EC2 may need some seconds to know a new one, and it forgets ended ones.
    const bool complete = looks_without == 0 || (ends && looks_without >= kForgottenAfter);
    if (complete && all_in(seen, state)) break;
    // An instance that ends never gets into another state.
    if (!ends && std::ranges::any_of(seen, &cloud::Instance::is_ending)) break;
    context.console().status(late_line(context, seen, state));
    const Wake wake = co_await sleep_for(pause, limit);
    if (wake == Wake::stopped || Clock::now() >= limit.deadline) break;
    pause = std::min<Clock::duration>(2 * pause, kSlowestLook);
  }
  context.console().status("");
  add_to_answer(context, seen);
  if (!all_in(seen, state)) context.console().talk("ec2mpi: " + late_line(context, seen, state));
  co_return std::move(seen);
}

asio::awaitable<cloud::Answer<void>> write_list(InstanceContext& context, ListChange change) {
  if (!context.list || context.list->nodes.empty()) co_return cloud::Answer<void>();
  // Read anew: since this command began, another one may have written other instances into the list.
  CO_TRY_AS(seen, read_listed(context.list->file));
  std::vector<std::string> ids;
  for (const auto& node : seen->nodes) ids.push_back(node.instance_id);
  for (const auto& newcomer : change.newcomers) ids.push_back(newcomer.id);
  // All instances of the list, not only the chosen ones: the others may have changed as well.
  CO_TRY_AS(known, co_await context.ec2.instances_by_id(ids, context.limit()));
  CO_TRY_AS(done, change_list(*seen, change, *known));
  const auto& file = context.list->file;
  if (!done->written) {
    context.console().talk(fmt::format(
        "ec2mpi: {} has more than a table of instances, so it is left as it is; now:", file.string()));
    context.console().talk_bytes(done->text);
    co_return cloud::Answer<void>();
  }
  if (done->changed && !context.runtime.options().quiet)
    context.console().talk(fmt::format(
        "{} has the new states and addresses{}", file.string(),
        done->before.empty() ? "" : fmt::format("; {} is the list as it was", done->before.string())));
  co_return cloud::Answer<void>();
}

int report_error(InstanceContext& context, const Error& error, int code) {
  // After a Ctrl-C every call fails, so its message says nothing about EC2.
  if (context.stop.stop_requested()) {
    context.console().talk("ec2mpi: interrupted");
    return exit_code::interrupted;
  }
  context.console().talk("ec2mpi: " + error.message);
  return code;
}

}  // namespace ec2mpi::cli
