#include "src/cli/commands/launch_plan.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <set>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cli/session/world.hpp"
#include "src/cli/commands/life_options.hpp"

namespace ec2mpi::cli {

namespace {

/// A system whose images are found by their publisher's account; a name alone proves nothing.
struct System {
  std::string_view name;
  const char* publisher;
  const char* pattern;    ///< of the image's name; {} is the architecture
  std::string_view user;  ///< empty: the usual one
};
constexpr System kSystems[] = {
    {"ubuntu", "099720109477", "ubuntu/images/hvm-ssd*/ubuntu-noble-24.04-{}-server-*", ""},  // Canonical
    {"debian", "136693071363", "debian-12-{}-*", "admin"},                                    // Debian
};
constexpr std::size_t kMostUserData = 16384;          ///< EC2's own limit
constexpr auto kQuotaTime = std::chrono::seconds(5);  ///< the quota is only a note in the plan
constexpr int kBiggestDisk = 65536;                   ///< GiB; EC2's own limit

/// "subnet-0123456789abcdef0": the prefix, and 8 or 17 hexadecimal digits.
ReadValue resource_id(std::string prefix) {
  return [prefix](const std::string& word) -> std::string {
    const auto digits = std::string_view(word).substr(std::min(prefix.size(), word.size()));
    const bool fits = word.starts_with(prefix) && (digits.size() == 8 || digits.size() == 17) &&
                      std::ranges::all_of(digits, [](unsigned char c) { return std::isxdigit(c) != 0; });
    return fits ? std::string() : fmt::format("an id such as {}0123456789abcdef0, not '{}'", prefix, word);
  };
}

/// The options parser lets only the names of kSystems pass.
const System& system_of(const LaunchOptions& options) {
  return options.os == kSystems[1].name ? kSystems[1] : kSystems[0];
}

/// The options parser lets only "all" and "workers" pass.
SpotShare spot_share(const std::optional<std::string>& word) {
  if (!word) return SpotShare::none;
  return *word == "all" ? SpotShare::all : SpotShare::workers;
}

/// Errors: local_io; usage for a text that EC2 would refuse only when the instances start.
Result<std::string> read_user_data(const std::string& file) {
  TRY_AS(text, read_file_or_pipe(file));
  if (!text->empty() && text->size() <= kMostUserData) return *text;
  return fail(ErrorKind::usage, fmt::format("--user-data: {} has {}; EC2 takes 1 to {} bytes",
                                            printable(file), format_bytes(text->size()), kMostUserData));
}

/// The named image, or the publisher's newest one for processors of this kind. EC2 finds an image by a
/// parameter ("resolve:ssm:...") only when it starts the instances.
asio::awaitable<cloud::Answer<cloud::Image>> find_image(InstanceContext& context, std::string id,
                                                        std::string architecture, const System& system) {
  cloud::Image image;
  image.id = id;
  if (id.starts_with("resolve:")) co_return std::move(image);
  if (!id.empty()) {
    auto named = co_await context.ec2.image(id, context.limit());
    co_return named;
  }
  // The publishers call x86_64 amd64; their other names are those of EC2.
  const auto pattern =
      fmt::format(fmt::runtime(system.pattern), architecture == "x86_64" ? "amd64" : architecture);
  auto newest = co_await context.ec2.newest_image(system.publisher, pattern, context.limit());
  co_return newest;
}

/// Says before the question to the user what cannot work. Errors: usage.
Result<void> check_choice(const LaunchChoice& choice, const LaunchPlan& plan) {
  const auto& [type, image] = choice;
  const auto refuse = [](std::string message) -> Result<void> {
    return fail(ErrorKind::usage, std::move(message));
  };
  // An image that only EC2 resolves has no architecture here, and cannot be compared.
  if (!image.architecture.empty() && !type.architecture.empty() && image.architecture != type.architecture)
    return refuse(fmt::format("the image {} is for {} processors, and {} has {}; --ami names another one",
                              image.id, image.architecture, type.name, type.architecture));
  if (plan.shape.efa && !type.efa)
    return refuse(fmt::format("--efa: {} has no Elastic Fabric Adapter", type.name));
  if (plan.shape.threads_per_core > std::max(type.threads_per_core, 1))
    return refuse(fmt::format("--threads-per-core: {} has {} a core", type.name, type.threads_per_core));
  // The size belongs to a device name, which is known only of an image that was looked up.
  if (plan.shape.disk.is_changed() && image.root_device.empty())
    return refuse(
        fmt::format("--disk: EC2 names no first disk of {}; name the image by its id, with --ami", image.id));
  return {};
}

/// Finds for each accepted type the image for its processors. The login user of the image becomes a
/// tag: from it the list gets its column User.
asio::awaitable<cloud::Answer<void>> choose_types(InstanceContext& context, const LaunchOptions& options,
                                                  LaunchDefaults defaults, LaunchPlan& plan) {
  const auto image_id = options.image.value_or(options.os.empty() ? defaults.image : "");
  const auto& system = system_of(options);
  if (options.image || !options.os.empty()) plan.tags.erase(cloud::kUserTag);  // that of the other nodes
  if (image_id.empty() && !system.user.empty()) plan.tags[cloud::kUserTag] = system.user;
  for (const auto& name : type_names(options, defaults.type)) {
    CO_TRY_AS(type, co_await context.ec2.instance_type(name, context.limit()));
    CO_TRY_AS(image, co_await find_image(context, image_id, type->architecture, system));
    plan.choices.push_back({std::move(*type), std::move(*image)});
    CO_TRY(check_choice(plan.choices.back(), plan));
  }
  co_return cloud::Answer<void>();
}

/// A subnet, or one subnet of the network in each zone.
asio::awaitable<cloud::Answer<void>> choose_subnets(InstanceContext& context, const LaunchOptions& options,
                                                    LaunchPlan& plan) {
  if (!options.subnet && !options.vpc) co_return cloud::Answer<void>();
  std::vector<cloud::Filter> filters(1);
  filters[0].name = options.subnet ? "subnet-id" : "vpc-id";
  filters[0].values.push_back(options.subnet ? *options.subnet : *options.vpc);
  CO_TRY_AS(subnets, co_await context.ec2.subnets(std::move(filters), context.limit()));
  // Sorted by zone, so that the zones are tried in the same order each time.
  std::ranges::sort(*subnets, {}, &cloud::Subnet::zone);
  std::set<std::string> zones;
  for (const auto& subnet : *subnets) {
    if (!zones.insert(subnet.zone).second) continue;
    plan.places.push_back({subnet.zone, subnet.id});
    // The security group must be made in the network of the instances.
    plan.vpc = subnet.network;
  }
  if (!plan.places.empty()) co_return cloud::Answer<void>();
  co_return fail(ErrorKind::usage,
                 options.subnet
                     ? fmt::format("--subnet: {} has no subnet {}", context.region, *options.subnet)
                     : fmt::format("--vpc: {} has no subnet in {}", *options.vpc, context.region));
}

/// A reservation is bound to a type and a zone, and to a placement group or to none.
asio::awaitable<cloud::Answer<void>> use_reservation(InstanceContext& context, LaunchPlan& plan) {
  if (plan.shape.reservation.empty()) co_return cloud::Answer<void>();
  CO_TRY_AS(reserved, co_await context.ec2.reservation(plan.shape.reservation, context.limit()));
  for (const auto& choice : plan.choices)
    if (choice.type.name != reserved->type)
      co_return fail(ErrorKind::usage, fmt::format("the reservation {} is for {}, not for {}", reserved->id,
                                                   reserved->type, choice.type.name));
  if (plan.places.empty()) plan.places.push_back({reserved->zone});
  std::erase_if(plan.places, [&](const LaunchPlace& place) { return place.zone != reserved->zone; });
  if (plan.places.empty())
    co_return fail(ErrorKind::usage, fmt::format("the reservation {} is in {}, and the subnet is not",
                                                 reserved->id, reserved->zone));
  plan.placement_group = reserved->placement_group;
  // A group of our own would not be that of the reservation.
  plan.makes_placement_groups = false;
  co_return cloud::Answer<void>();
}

/// For the price until the end of life.
cloud::Seconds time_left(const InstanceContext& context, const LaunchPlan& plan) {
  const auto now = context.runtime.options().world->now();
  return plan.end_of_life - std::chrono::floor<std::chrono::seconds>(now);
}

/// A one-time spot instance cannot be stopped.
Result<void> check_life(const LaunchPlan& plan) {
  if (plan.spot != SpotShare::none && plan.life.behaviour() == cloud::ShutdownBehaviour::stop)
    return fail(ErrorKind::usage,
                "--idle: spot instances cannot stop, only end; write =down in the place of =stop");
  return {};
}

/// Everything that is not as usual.
std::vector<std::string> shape_words(const LaunchPlan& plan) {
  std::vector<std::string> said;
  const auto& shape = plan.shape;
  if (shape.disk.is_changed())
    said.push_back("disk" + (shape.disk.gigabytes == 0 ? "" : fmt::format(" {} GiB", shape.disk.gigabytes)) +
                   (shape.disk.kind.empty() ? "" : " " + shape.disk.kind));
  if (shape.threads_per_core != 0)
    said.push_back(count_of(static_cast<std::size_t>(shape.threads_per_core), "thread") + " a core");
  if (shape.efa) said.emplace_back("Elastic Fabric Adapter, whose driver the image must have");
  if (!shape.reservation.empty()) said.push_back("reservation " + shape.reservation);
  if (!shape.user_data.empty()) said.push_back("user data, " + format_bytes(shape.user_data.size()));
  for (const auto& place : plan.places)
    if (!place.subnet.empty()) said.push_back(place.subnet + " in " + place.zone);
  return said;
}

/// What each type costs now as a spot instance; the price may change before the end of life.
/// Without the master, if only the workers are spot instances.
std::size_t spot_count(const LaunchPlan& plan) {
  std::size_t count = 0;
  for (const auto& part : parts_of(plan))
    if (part.spot) count += part.count;
  return count;
}

/// A price that EC2 does not give is a note, and no error.
asio::awaitable<std::vector<std::string>> spot_price_words(InstanceContext& context, const LaunchPlan& plan) {
  std::vector<std::string> said;
  if (spot_count(plan) == 0) co_return said;
  const auto now = std::chrono::floor<std::chrono::seconds>(context.runtime.options().world->now());
  std::vector<std::string> types;
  for (const auto& choice : plan.choices) types.push_back(choice.type.name);
  const auto limit = context.limit().at_most(kQuotaTime);
  const auto prices = co_await context.ec2.spot_prices(types, cloud::moment_text(now), limit);
  for (const auto& type : types) {
    double dearest = 0;
    for (const auto& price : prices.value_or(std::vector<cloud::SpotPrice>()))
      if (price.type == type) dearest = std::max(dearest, price.hour);
    const bool too_dear =
        !plan.shape.max_price.empty() && dearest > std::strtod(plan.shape.max_price.c_str(), nullptr);
    said.push_back(dearest > 0 ? fmt::format("{} as spot: {:.4f} an hour each, now and in the dearest zone{}",
                                             type, dearest, too_dear ? "; above --max-price" : "")
                               : fmt::format("{} as spot: price unknown{}", type,
                                             prices ? "" : " (" + prices.error().message + ")"));
  }
  co_return said;
}

}  // namespace

/// --type may be repeated, and each value may have several names; the first one is preferred.
std::vector<std::string> type_names(const LaunchOptions& options, const std::string& otherwise) {
  std::vector<std::string> names;
  for (const auto& word : options.types)
    for (const auto name : split(word, ',')) names.emplace_back(trim(name));
  if (names.empty()) names.push_back(otherwise);
  return names;
}

Result<cloud::RootDisk> parse_disk(const std::string& text) {
  const auto comma = text.find(',');
  auto size = std::string_view(text).substr(0, comma);
  // EC2 counts disks in GiB only, so the three words mean the same.
  for (const std::string_view unit : {"GiB", "GB", "G"}) {
    if (!size.ends_with(unit)) continue;
    size.remove_suffix(unit.size());
    break;
  }
  const auto gigabytes = parse_number(size);
  const std::string kind = comma == std::string::npos ? "" : text.substr(comma + 1);
  const bool known = comma == std::string::npos || kind == "gp3" || kind == "gp2";
  if (gigabytes && *gigabytes >= 1 && *gigabytes <= kBiggestDisk && known)
    return cloud::RootDisk{{}, static_cast<int>(*gigabytes), kind};
  return fail(
      ErrorKind::usage,
      fmt::format("--disk: a size of 1G to {}G, and gp3 or gp2 after a comma, as in 100G,gp3; not '{}'",
                  kBiggestDisk, printable(text)));
}

Result<LaunchPlan> begin_plan(const LaunchOptions& options) {
  LaunchPlan plan;
  plan.spot = spot_share(options.spot);
  plan.shape.max_price = options.max_price.value_or("");
  plan.shape.threads_per_core = options.threads_per_core;
  plan.shape.efa = options.efa;
  plan.shape.reservation = options.reservation.value_or("");
  if (options.disk) {
    TRY_AS(disk, parse_disk(*options.disk));
    plan.shape.disk = *disk;
  }
  if (options.user_data) {
    TRY_AS(user_data, read_user_data(*options.user_data));
    plan.shape.user_data = *user_data;
  }
  return plan;
}

asio::awaitable<cloud::Answer<void>> complete_plan(InstanceContext& context, const LaunchOptions& options,
                                                   LaunchDefaults defaults, LaunchPlan& plan) {
  CO_TRY(check_life(plan));
  // Only for its error, which launch_request can no longer report.
  CO_TRY(user_data_of(plan));
  CO_TRY(co_await choose_types(context, options, std::move(defaults), plan));
  CO_TRY(co_await choose_subnets(context, options, plan));
  // Comes last: of the chosen subnets only those in the zone of the reservation remain.
  CO_TRY(co_await use_reservation(context, plan));
  co_return cloud::Answer<void>();
}

namespace {

/// "quota: 8 vCPUs needed, 4 in use, 32 allowed", for each kind of instance of the plan; those about which
/// the account may not ask are left out.
asio::awaitable<std::vector<std::string>> quota_words(InstanceContext& context, const LaunchPlan& plan) {
  std::vector<std::string> said;
  const auto& type = plan.choices.front().type;
  for (const auto& part : parts_of(plan)) {
    const auto code = cloud::quota_code(type.name, part.spot);
    if (code.empty() || type.virtual_processors() == 0) continue;
    const auto limit = context.limit().at_most(kQuotaTime);
    const auto allowed = co_await context.ec2.quota(code, limit);
    // Many accounts may not ask Service Quotas; the plan then has a line less.
    if (!allowed) continue;
    std::vector<cloud::Filter> filters(1);
    filters[0].name = "instance-state-name";
    filters[0].values = {"pending", "running"};
    const auto running = co_await context.ec2.instances(std::move(filters), context.limit());
    if (!running) continue;
    // A quota counts virtual processors of one family of types; spot instances have their own.
    std::int64_t used = 0;
    for (const auto& one : *running)
      if (cloud::quota_code(one.type, one.spot) == code)
        used += std::int64_t{one.cores} * one.threads_per_core;
    const auto needed = static_cast<std::int64_t>(part.count) * type.virtual_processors();
    const bool enough = static_cast<double>(needed + used) <= *allowed;
    said.push_back(fmt::format(
        "quota{}: {} vCPUs needed, {} in use, {:.0f} allowed{}", part.spot ? " for spot" : "", needed, used,
        *allowed, enough ? "" : "; EC2 will refuse: ask for more of " + code + " at Service Quotas"));
  }
  co_return said;
}

}  // namespace

asio::awaitable<void> show_plan(InstanceContext& context, const LaunchPlan& plan) {
  auto& console = context.console();
  const cloud::PriceList prices(context.config.prices, context.region);
  for (const auto& [type, image] : plan.choices) {
    const bool is_scattered = plan.count > 1 && !type.cluster_placement;
    console.talk(fmt::format("  {}{} ({} each), {} {}; {}{}",
                             &type == &plan.choices.front().type ? "" : "or ", type.name,
                             count_of(static_cast<std::size_t>(type.cores), "core"), image.id, image.name,
                             price_words(prices, type.name, plan.count, time_left(context, plan)),
                             is_scattered ? "; cannot be placed close together" : ""));
  }
  if (const auto spots = spot_count(plan); spots != 0)
    console.talk(fmt::format(
        "  {} of {} as spot{}: EC2 may take {} away at any time, which ends the job", spots, plan.count,
        plan.shape.max_price.empty() ? "" : fmt::format(" for at most {} USD an hour", plan.shape.max_price),
        spots == 1 ? "it" : "them"));
  const auto spot_prices = co_await spot_price_words(context, plan);
  for (const auto& words : spot_prices) console.talk("  " + words);
  for (const auto& words : shape_words(plan)) console.talk("  " + words);
  for (const auto& words : life_words(plan.life, plan.end_of_life)) console.talk("  " + words);
  const auto quotas = co_await quota_words(context, plan);
  for (const auto& words : quotas) console.talk("  " + words);
}

void add_launch_options(CLI::App& command, LaunchOptions& options) {
  constexpr const char* kShape = "What the instances are like";
  add_option(command, "--type", options.types, "Instance type; if EC2 has no room for it, the next one")
      .type_name("TYPE,...")
      .allow_extra_args(false)
      .group(kShape);
  const auto image = add_option(command, "--ami", options.image, "Image [the newest one of --os]")
                         .type_name("ID")
                         .group(kShape);
  add_option(command, "--os", options.os, "Ubuntu 24.04 or Debian 12 [ubuntu]")
      .check(one_of({"ubuntu", "debian"}))
      .excludes(image)
      .type_name("SYSTEM")
      .group(kShape);
  const auto spot = add_option(command, "--spot", options.spot,
                               "Spot instances: workers leaves the master on demand, so that jobs and "
                               "results stay there; all")
                        .check(one_of({"workers", "all"}))
                        .type_name("WHICH")
                        .group(kShape);
  add_option(command, "--max-price", options.max_price, "The most for a spot instance, in USD an hour")
      .transform(number(0.0001, 1000.0))
      .needs(spot)
      .type_name("PRICE")
      .group(kShape);
  add_option(command, "--disk", options.disk, "Size of the first disk in GiB, and its kind: 100G, 100G,gp3")
      .type_name("SIZE")
      .group(kShape);
  add_option(command, "--user-data", options.user_data, "Script or cloud-config for the first start")
      .type_name("FILE")
      .group(kShape);
  add_option(command, "--threads-per-core", options.threads_per_core, "1 switches hyper-threading off")
      .transform(number(1, 2))
      .type_name("N")
      .group(kShape);
  add_flag(command, "--efa", options.efa, "With an Elastic Fabric Adapter").group(kShape);
  const auto subnet = add_option(command, "--subnet", options.subnet, "In this subnet [of the default VPC]")
                          .check(resource_id("subnet-"))
                          .type_name("ID")
                          .group(kShape);
  add_option(command, "--vpc", options.vpc, "In a subnet of this VPC")
      .check(resource_id("vpc-"))
      .excludes(subnet)
      .type_name("ID")
      .group(kShape);
  add_option(command, "--reservation", options.reservation, "From this Capacity Reservation")
      .check(resource_id("cr-"))
      .excludes(spot)
      .type_name("ID")
      .group(kShape);
}

}  // namespace ec2mpi::cli
