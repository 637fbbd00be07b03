#pragma once
/// The calls to EC2 that ec2mpi needs. Texts in answers hold no control characters.

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/limit.hpp"
#include "ec2mpi/cloud/api_error.hpp"
#include "ec2mpi/cloud/lifetime.hpp"
#include "ec2mpi/cloud/settings.hpp"

namespace ec2mpi::cloud {

/// The tag that all things of one cluster carry; its value is the cluster's name.
inline constexpr const char* kClusterTag = "ec2mpi:cluster";
/// The login user of the instance's image, where it is not the usual one.
inline constexpr const char* kUserTag = "ec2mpi:user";
/// When the instances end themselves, as ISO 8601 in UTC.
inline constexpr const char* kExpiryTag = "ec2mpi:expires";
/// How long a life is that begins with a start: "8h".
inline constexpr const char* kLengthTag = "ec2mpi:ttl";
/// The rule for idle instances: "1h=stop".
inline constexpr const char* kIdleTag = "ec2mpi:idle";
/// With any value: a job is to stop the instance (`run --detach --then stop`), so a shutdown must never end
/// it.
inline constexpr const char* kStopsTag = "ec2mpi:stops";

using Tags = std::map<std::string, std::string, std::less<>>;

struct Instance {
  std::string id;
  std::string state;   ///< pending, running, shutting-down, terminated, stopping, stopped
  std::string reason;  ///< why it is in this state, in EC2's words; may be empty
  std::string type;
  std::string zone;
  std::string public_address;
  std::string private_address;
  std::string ipv6;
  std::string key_name;
  std::string launched;  ///< ISO 8601
  std::string placement_group;
  std::string image;
  std::string subnet;
  int cores = 0;             ///< 0 if EC2 does not answer with it
  int threads_per_core = 0;  ///< the same
  bool spot = false;
  bool efa = false;  ///< has an Elastic Fabric Adapter
  std::vector<std::string> security_groups;
  Tags tags;

  /// The tag's value, or "".
  [[nodiscard]] std::string tag(std::string_view key) const {
    const auto found = tags.find(key);
    return found == tags.end() ? std::string() : found->second;
  }
  /// Whether it has ended for good.
  [[nodiscard]] bool is_gone() const { return state == "terminated"; }
  /// Whether it has ended for good, or soon will.
  [[nodiscard]] bool is_ending() const { return is_gone() || state == "shutting-down"; }
};

/// One of EC2's filters: a name and the values that fit.
struct Filter {
  std::string name;
  std::vector<std::string> values;
};

/// Letters, digits, dots, dashes and underscores: EC2 takes * and ? in the value of a tag for any text.
[[nodiscard]] bool is_cluster_name(std::string_view name);

/// Everything with the tag of the cluster.
[[nodiscard]] std::vector<Filter> of_cluster(const std::string& name);

/// A rule of a security group for one IPv4 network.
struct IngressRule {
  std::string protocol;
  int from_port = -1;
  int to_port = -1;
  std::string network;  ///< "203.0.113.7/32"
  std::string description;
};

struct SecurityGroup {
  std::string id;
  std::string name;
  std::vector<IngressRule> ingress;
  Tags tags;
};

struct InstanceType {
  std::string name;
  std::string architecture;        ///< as images name it: "x86_64", "arm64"
  int cores = 0;                   ///< 0 if EC2 does not answer with it
  int threads_per_core = 0;        ///< the same
  bool cluster_placement = false;  ///< may be in a placement group that keeps its instances close together
  bool efa = false;                ///< can have an Elastic Fabric Adapter

  /// The unit of EC2's quotas.
  [[nodiscard]] int virtual_processors() const { return cores * threads_per_core; }
};

struct Image {
  std::string id;
  std::string name;
  std::string created;            ///< ISO 8601
  std::string architecture = {};  ///< as types name it
  std::string root_device = {};   ///< "/dev/sda1"
};

/// The part of a network (VPC) that lies in one zone.
struct Subnet {
  std::string id;
  std::string network;
  std::string zone;
};

/// Machines of one type that the account has reserved in one zone (a Capacity Reservation).
struct Reservation {
  std::string id;
  std::string type;
  std::string zone;
  std::string placement_group;  ///< the name of the one in which it lies; may be empty
};

/// The first disk of an instance.
struct RootDisk {
  std::string device;
  int gigabytes = 0;  ///< 0 leaves the disk as the image has it
  std::string kind;   ///< "gp3"; empty leaves it as the image has it

  [[nodiscard]] bool is_changed() const { return gigabytes != 0 || !kind.empty(); }
};

/// What new instances are like, besides type, image and place. EC2 chooses what is empty.
struct LaunchShape {
  bool spot = false;
  std::string max_price = {};  ///< of a spot instance, in USD an hour
  RootDisk disk = {};
  std::string user_data = {};
  int cores = 0;             ///< goes with threads_per_core
  int threads_per_core = 0;  ///< 0: all that the processor has
  bool efa = false;
  std::string reservation = {};  ///< its id
};

/// Instances that are started together, or not at all.
struct LaunchRequest {
  std::size_t count = 0;
  std::string type;
  std::string image;
  std::string key_pair;                      ///< here and below: empty leaves the choice to EC2
  std::vector<std::string> security_groups;  ///< their ids
  std::string placement_group;               ///< its name
  std::string zone;
  std::string subnet;  ///< its id
  LaunchShape shape = {};
  std::string token = {};   ///< a request with the same token starts nothing new
  Tags tags = {};           ///< of the instances and their disks
  Tags instance_tags = {};  ///< of the instances only
  ShutdownBehaviour on_shutdown = ShutdownBehaviour::terminate;
};

/// What a spot instance costs in a zone.
struct SpotPrice {
  std::string type;
  std::string zone;
  double hour = 0;  ///< USD
};

/// A disk (EBS volume). It costs also while its instance is stopped.
struct Disk {
  std::string id;
  std::string kind;
  int gigabytes = 0;
  std::string instance;  ///< empty if it is attached to none
  std::string cluster;   ///< the value of the tag
};

/// The code of the quota that limits instances of the type; empty if that is not known.
[[nodiscard]] std::string quota_code(std::string_view type, bool spot);

class Ec2 {
 public:
  Ec2() = default;
  Ec2(const Ec2&) = delete;
  Ec2& operator=(const Ec2&) = delete;
  virtual ~Ec2() = default;

  /// All that fit all filters, sorted by launch time and id; also terminated ones, for as long as EC2 shows
  /// them.
  virtual asio::awaitable<Answer<std::vector<Instance>>> instances(std::vector<Filter> filters,
                                                                   Limit limit) = 0;
  /// Those of the ids that exist here, in the order of the ids.
  virtual asio::awaitable<Answer<std::vector<Instance>>> instances_by_id(std::vector<std::string> ids,
                                                                         Limit limit) = 0;
  /// `dry_run`: only asks whether the call would be allowed.
  virtual asio::awaitable<Answer<void>> stop(std::vector<std::string> ids, bool dry_run, Limit limit) = 0;
  virtual asio::awaitable<Answer<void>> start(std::vector<std::string> ids, bool dry_run, Limit limit) = 0;
  virtual asio::awaitable<Answer<void>> terminate(std::vector<std::string> ids, bool dry_run,
                                                  Limit limit) = 0;
  virtual asio::awaitable<Answer<void>> tag(std::vector<std::string> ids, Tags tags, bool dry_run,
                                            Limit limit) = 0;
  virtual asio::awaitable<Answer<void>> set_shutdown_behaviour(std::string id, ShutdownBehaviour behaviour,
                                                               bool dry_run, Limit limit) = 0;
  /// The serial console's text so far; may be empty.
  virtual asio::awaitable<Answer<std::string>> console_output(std::string id, Limit limit) = 0;

  virtual asio::awaitable<Answer<std::vector<SecurityGroup>>> security_groups(std::vector<Filter> filters,
                                                                              Limit limit) = 0;
  virtual asio::awaitable<Answer<void>> allow(std::string group, IngressRule rule, Limit limit) = 0;
  virtual asio::awaitable<Answer<void>> revoke(std::string group, IngressRule rule, Limit limit) = 0;
  virtual asio::awaitable<Answer<void>> delete_security_group(std::string group, Limit limit) = 0;
  /// The names of the key pairs, or placement groups, that fit.
  virtual asio::awaitable<Answer<std::vector<std::string>>> key_pairs(std::vector<Filter> filters,
                                                                      Limit limit) = 0;
  virtual asio::awaitable<Answer<void>> delete_key_pair(std::string name, Limit limit) = 0;
  virtual asio::awaitable<Answer<std::vector<std::string>>> placement_groups(std::vector<Filter> filters,
                                                                             Limit limit) = 0;
  virtual asio::awaitable<Answer<void>> delete_placement_group(std::string name, Limit limit) = 0;

  virtual asio::awaitable<Answer<InstanceType>> instance_type(std::string name, Limit limit) = 0;
  /// The newest image of an owner whose name fits the pattern. Errors: not_found.
  virtual asio::awaitable<Answer<Image>> newest_image(std::string owner, std::string pattern,
                                                      Limit limit) = 0;
  /// Errors: not_found.
  virtual asio::awaitable<Answer<Image>> image(std::string id, Limit limit) = 0;
  virtual asio::awaitable<Answer<std::vector<Subnet>>> subnets(std::vector<Filter> filters, Limit limit) = 0;
  /// Errors: not_found.
  virtual asio::awaitable<Answer<Reservation>> reservation(std::string id, Limit limit) = 0;
  /// Those of the running instances that fail EC2's own checks of the machine or of its system.
  virtual asio::awaitable<Answer<std::vector<std::string>>> failing(std::vector<std::string> ids,
                                                                    Limit limit) = 0;
  virtual asio::awaitable<Answer<std::vector<Disk>>> disks(std::vector<Filter> filters, Limit limit) = 0;
  /// The names of the regions that the account may use.
  virtual asio::awaitable<Answer<std::vector<std::string>>> regions(Limit limit) = 0;
  /// How many virtual processors the account may have at once, by Service Quotas. It is asked only once: many
  /// accounts are not allowed to ask.
  virtual asio::awaitable<Answer<double>> quota(std::string code, Limit limit) = 0;
  /// The prices at that moment of spot instances with Linux, in each zone that has them.
  virtual asio::awaitable<Answer<std::vector<SpotPrice>>> spot_prices(std::vector<std::string> types,
                                                                      std::string moment, Limit limit) = 0;
  /// The names of the region's zones.
  virtual asio::awaitable<Answer<std::vector<std::string>>> zones(Limit limit) = 0;
  /// In this network (VPC), or the default one if it is empty; gives the group's id.
  virtual asio::awaitable<Answer<std::string>> create_security_group(std::string name, std::string network,
                                                                     Tags tags, Limit limit) = 0;
  /// Everything from the members of the group to each other. `outwards`: the rule for the senders, which only
  /// an Elastic Fabric Adapter needs; other traffic may leave anyway.
  virtual asio::awaitable<Answer<void>> allow_members(std::string group, bool outwards, Limit limit) = 0;
  /// `public_key`: "ssh-ed25519 AAAA…"
  virtual asio::awaitable<Answer<void>> import_key_pair(std::string name, std::string public_key, Tags tags,
                                                        Limit limit) = 0;
  virtual asio::awaitable<Answer<void>> create_placement_group(std::string name, Tags tags, Limit limit) = 0;
  /// None in a dry run. The metadata service of the instances needs a token.
  virtual asio::awaitable<Answer<std::vector<Instance>>> run_instances(LaunchRequest request, bool dry_run,
                                                                       Limit limit) = 0;
};

/// The real one, with credentials that are looked for at the first call.
[[nodiscard]] std::unique_ptr<Ec2> open_ec2(asio::any_io_executor executor, CloudSettings settings,
                                            Environment environment);

}  // namespace ec2mpi::cloud
