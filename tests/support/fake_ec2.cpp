#include "tests/support/fake_ec2.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <functional>
#include <stdexcept>

namespace ec2mpi::test {

namespace {

using asio::awaitable;
using cloud::Answer;
using Words = std::vector<std::string>;

constexpr const char* kConsole =
    "-----BEGIN SSH HOST KEY KEYS-----\r\n"
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\r\n"
    "-----END SSH HOST KEY KEYS-----\r\n";

class FakeEc2 : public cloud::Ec2 {
 public:
  explicit FakeEc2(FakeAccount& account) : account_(account) {}

  awaitable<Answer<std::vector<cloud::Instance>>> instances(std::vector<cloud::Filter> filters,
                                                            Limit) override {
    return answer<std::vector<cloud::Instance>>("DescribeInstances", [this, filters] {
      std::vector<cloud::Instance> found;
      for (const auto& one : account_.instances)
        if (std::ranges::all_of(filters, [&](const auto& filter) { return fits(one, filter); }))
          found.push_back(one);
      return found;
    });
  }
  awaitable<Answer<std::vector<cloud::Instance>>> instances_by_id(Words ids, Limit) override {
    return answer<std::vector<cloud::Instance>>("DescribeInstances", [this, ids] {
      std::vector<cloud::Instance> found;
      for (const auto& one : account_.instances)
        if (std::ranges::count(ids, one.id) != 0) found.push_back(one);
      return found;
    });
  }
  awaitable<Answer<void>> stop(Words ids, bool dry_run, Limit) override {
    return change("StopInstances", std::move(ids), dry_run, "stopped");
  }
  awaitable<Answer<void>> start(Words ids, bool dry_run, Limit) override {
    return change("StartInstances", std::move(ids), dry_run, "running");
  }
  awaitable<Answer<void>> terminate(Words ids, bool dry_run, Limit) override {
    return change("TerminateInstances", std::move(ids), dry_run, "terminated");
  }
  awaitable<Answer<void>> tag(Words, cloud::Tags, bool, Limit) override {
    return done("CreateTags", [] {});
  }
  awaitable<Answer<void>> set_shutdown_behaviour(std::string id, cloud::ShutdownBehaviour behaviour,
                                                 bool dry_run, Limit) override {
    // A test sees from the name what was set.
    return done(fmt::format("ModifyInstanceAttribute {} {}{}", id,
                            behaviour == cloud::ShutdownBehaviour::stop ? "stop" : "terminate",
                            dry_run ? " (dry run)" : ""),
                [] {});
  }
  awaitable<Answer<std::string>> console_output(std::string, Limit) override {
    return answer<std::string>("GetConsoleOutput", [] { return std::string(kConsole); });
  }

  awaitable<Answer<std::vector<cloud::SecurityGroup>>> security_groups(std::vector<cloud::Filter>,
                                                                       Limit) override {
    return answer<std::vector<cloud::SecurityGroup>>("DescribeSecurityGroups",
                                                     [this] { return account_.groups; });
  }
  awaitable<Answer<void>> allow(std::string, cloud::IngressRule, Limit) override {
    return done("AuthorizeSecurityGroupIngress", [] {});
  }
  awaitable<Answer<void>> revoke(std::string, cloud::IngressRule, Limit) override {
    return done("RevokeSecurityGroupIngress", [] {});
  }
  awaitable<Answer<void>> delete_security_group(std::string group, Limit) override {
    return done("DeleteSecurityGroup", [this, group] {
      std::erase_if(account_.groups, [&](const auto& one) { return one.id == group; });
    });
  }
  awaitable<Answer<Words>> key_pairs(std::vector<cloud::Filter>, Limit) override {
    return answer<Words>("DescribeKeyPairs",
                         [this] { return Words(account_.key_pairs.begin(), account_.key_pairs.end()); });
  }
  awaitable<Answer<void>> delete_key_pair(std::string name, Limit) override {
    return done("DeleteKeyPair", [this, name] { account_.key_pairs.erase(name); });
  }
  awaitable<Answer<Words>> placement_groups(std::vector<cloud::Filter>, Limit) override {
    return answer<Words>("DescribePlacementGroups", [this] {
      return Words(account_.placement_groups.begin(), account_.placement_groups.end());
    });
  }
  awaitable<Answer<void>> delete_placement_group(std::string name, Limit) override {
    return done("DeletePlacementGroup", [this, name] { account_.placement_groups.erase(name); });
  }

  awaitable<Answer<cloud::InstanceType>> instance_type(std::string name, Limit) override {
    return answer<cloud::InstanceType>("DescribeInstanceTypes", [name] {
      return cloud::InstanceType{.name = name,
                                 .architecture = "x86_64",
                                 .cores = 1,
                                 .threads_per_core = 2,
                                 .cluster_placement = true};
    });
  }
  awaitable<Answer<cloud::Image>> newest_image(std::string, std::string pattern, Limit) override {
    return answer<cloud::Image>("DescribeImages", [pattern] {
      return cloud::Image{.id = "ami-1",
                          .name = pattern,
                          .created = "2026-01-01T00:00:00.000Z",
                          .architecture = "x86_64",
                          .root_device = "/dev/sda1"};
    });
  }
  awaitable<Answer<cloud::Image>> image(std::string, Limit) override { return missing<cloud::Image>(); }
  awaitable<Answer<std::vector<cloud::Subnet>>> subnets(std::vector<cloud::Filter>, Limit) override {
    return missing<std::vector<cloud::Subnet>>();
  }
  awaitable<Answer<cloud::Reservation>> reservation(std::string, Limit) override {
    return missing<cloud::Reservation>();
  }
  awaitable<Answer<Words>> failing(Words, Limit) override { return missing<Words>(); }
  awaitable<Answer<std::vector<cloud::Disk>>> disks(std::vector<cloud::Filter>, Limit) override {
    return missing<std::vector<cloud::Disk>>();
  }
  awaitable<Answer<Words>> regions(Limit) override { return missing<Words>(); }
  awaitable<Answer<double>> quota(std::string, Limit) override { return missing<double>(); }
  awaitable<Answer<std::vector<cloud::SpotPrice>>> spot_prices(Words, std::string, Limit) override {
    return missing<std::vector<cloud::SpotPrice>>();
  }
  awaitable<Answer<Words>> zones(Limit) override { return missing<Words>(); }
  awaitable<Answer<std::string>> create_security_group(std::string name, std::string, cloud::Tags tags,
                                                       Limit) override {
    return answer<std::string>("CreateSecurityGroup", [this, name, tags] {
      account_.groups.push_back({.id = "sg-1", .name = name, .ingress = {}, .tags = tags});
      return std::string("sg-1");
    });
  }
  awaitable<Answer<void>> allow_members(std::string, bool, Limit) override {
    return done("AuthorizeSecurityGroupIngress", [] {});
  }
  awaitable<Answer<void>> import_key_pair(std::string name, std::string, cloud::Tags, Limit) override {
    return done("ImportKeyPair", [this, name] { account_.key_pairs.insert(name); });
  }
  awaitable<Answer<void>> create_placement_group(std::string name, cloud::Tags, Limit) override {
    return done("CreatePlacementGroup", [this, name] { account_.placement_groups.insert(name); });
  }
  awaitable<Answer<std::vector<cloud::Instance>>> run_instances(cloud::LaunchRequest request, bool dry_run,
                                                                Limit) override {
    return answer<std::vector<cloud::Instance>>("RunInstances", [this, request, dry_run] {
      std::vector<cloud::Instance> made;
      for (std::size_t i = 0; !dry_run && i < request.count; ++i) made.push_back(start_one(request));
      return made;
    });
  }

 private:
  /// Counts the call, does the work, and fails if it is the turn of this call.
  template <class T>
  awaitable<Answer<T>> answer(std::string name, std::function<T()> work) {
    account_.names.push_back(name);
    const auto number = ++account_.calls;
    const bool fails = number >= account_.first_failing && number <= account_.last_failing;
    if (fails && account_.failure == CallFailure::refused) co_return refused(name);
    auto result = work();
    if (fails && account_.failure == CallFailure::thrown) throw std::runtime_error("a bug behind " + name);
    if (fails) co_return unanswered(name + " got no answer");
    co_return std::move(result);
  }

  awaitable<Answer<void>> done(std::string name, std::function<void()> work) {
    // With a name of its own: GCC 12 destroys a temporary inside of co_await twice.
    std::function<bool()> counted = [work = std::move(work)] {
      work();
      return true;
    };
    const auto answered = co_await answer<bool>(std::move(name), std::move(counted));
    if (!answered) co_return std::unexpected(answered.error());
    co_return Answer<void>();
  }

  awaitable<Answer<void>> change(std::string name, Words ids, bool dry_run, std::string state) {
    return done(std::move(name), [this, ids, dry_run, state] {
      if (dry_run) return;
      for (auto& one : account_.instances)
        if (std::ranges::count(ids, one.id) != 0) one.state = state;
      if (account_.meanwhile) account_.meanwhile();
    });
  }

  /// What no test needs. It is not counted: the program does without.
  template <class T>
  awaitable<Answer<T>> missing() {
    co_return unanswered("the fake account does not have this");
  }

  static std::unexpected<cloud::ApiError> refused(const std::string& name) {
    Error error{ErrorKind::auth, name + " is refused"};
    return std::unexpected(
        cloud::ApiError(std::move(error), cloud::Problem::unauthorized, "UnauthorizedOperation"));
  }

  static std::unexpected<cloud::ApiError> unanswered(std::string message) {
    Error error{ErrorKind::unreachable, std::move(message)};
    return std::unexpected(cloud::ApiError(std::move(error)));
  }

  [[nodiscard]] bool fits(const cloud::Instance& one, const cloud::Filter& filter) const {
    if (filter.name == "client-token") return std::ranges::count(filter.values, account_.tokens[one.id]) != 0;
    return std::ranges::count(filter.values, one.tag(filter.name.substr(std::string("tag:").size()))) != 0;
  }

  cloud::Instance start_one(const cloud::LaunchRequest& request) {
    const auto number = account_.instances.size() + 1;
    cloud::Instance one;
    one.id = fmt::format("i-{:017x}", number);
    one.state = "running";
    one.type = request.type;
    one.zone = "us-east-2a";
    one.public_address = fmt::format("203.0.113.{}", number);
    one.private_address = fmt::format("10.0.0.{}", number);
    one.launched = "2026-01-01T00:00:00.000Z";
    one.tags = request.tags;
    account_.tokens[one.id] = request.token;
    account_.instances.push_back(one);
    return one;
  }

  FakeAccount& account_;
};

}  // namespace

void FakeAccount::add_running(const std::string& id) {
  cloud::Instance one;
  one.id = id;
  one.state = "running";
  one.public_address = fmt::format("203.0.113.{}", 11 + instances.size());
  one.tags[cloud::kClusterTag] = "train";
  instances.push_back(std::move(one));
}

bool FakeAccount::is_empty() const {
  return std::ranges::all_of(instances, &cloud::Instance::is_gone) && groups.empty() && key_pairs.empty() &&
         placement_groups.empty();
}

std::unique_ptr<cloud::Ec2> open_fake_ec2(FakeAccount& account) {
  return std::make_unique<FakeEc2>(account);
}

}  // namespace ec2mpi::test
