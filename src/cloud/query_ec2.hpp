#pragma once
/// Ec2 by the Query API.

#include "ec2mpi/cloud/ec2.hpp"
#include "src/cloud/query.hpp"

namespace ec2mpi::cloud {

class QueryEc2 : public Ec2 {
 public:
  QueryEc2(const CloudSettings& settings, Environment environment, std::unique_ptr<HttpSender> http,
           RetryPolicy retries)
      : http_(std::move(http)),
        settings_(settings),
        credentials_(settings, std::move(environment), *http_),
        query_(settings, credentials_, *http_, retries) {}

  asio::awaitable<Answer<std::vector<Instance>>> instances(std::vector<Filter> filters, Limit limit) override;
  asio::awaitable<Answer<std::vector<Instance>>> instances_by_id(std::vector<std::string> ids,
                                                                 Limit limit) override;
  asio::awaitable<Answer<void>> stop(std::vector<std::string> ids, bool dry_run, Limit limit) override;
  asio::awaitable<Answer<void>> start(std::vector<std::string> ids, bool dry_run, Limit limit) override;
  asio::awaitable<Answer<void>> terminate(std::vector<std::string> ids, bool dry_run, Limit limit) override;
  asio::awaitable<Answer<void>> tag(std::vector<std::string> ids, Tags tags, bool dry_run,
                                    Limit limit) override;
  asio::awaitable<Answer<void>> set_shutdown_behaviour(std::string id, ShutdownBehaviour behaviour,
                                                       bool dry_run, Limit limit) override;
  asio::awaitable<Answer<std::string>> console_output(std::string id, Limit limit) override;
  asio::awaitable<Answer<std::vector<SecurityGroup>>> security_groups(std::vector<Filter> filters,
                                                                      Limit limit) override;
  asio::awaitable<Answer<void>> allow(std::string group, IngressRule rule, Limit limit) override;
  asio::awaitable<Answer<void>> revoke(std::string group, IngressRule rule, Limit limit) override;
  asio::awaitable<Answer<void>> delete_security_group(std::string group, Limit limit) override;
  asio::awaitable<Answer<std::vector<std::string>>> key_pairs(std::vector<Filter> filters,
                                                              Limit limit) override;
  asio::awaitable<Answer<void>> delete_key_pair(std::string name, Limit limit) override;
  asio::awaitable<Answer<std::vector<std::string>>> placement_groups(std::vector<Filter> filters,
                                                                     Limit limit) override;
  asio::awaitable<Answer<void>> delete_placement_group(std::string name, Limit limit) override;
  asio::awaitable<Answer<InstanceType>> instance_type(std::string name, Limit limit) override;
  asio::awaitable<Answer<Image>> newest_image(std::string owner, std::string pattern, Limit limit) override;
  asio::awaitable<Answer<Image>> image(std::string id, Limit limit) override;
  asio::awaitable<Answer<std::vector<Subnet>>> subnets(std::vector<Filter> filters, Limit limit) override;
  asio::awaitable<Answer<Reservation>> reservation(std::string id, Limit limit) override;
  asio::awaitable<Answer<std::vector<std::string>>> failing(std::vector<std::string> ids,
                                                            Limit limit) override;
  asio::awaitable<Answer<std::vector<Disk>>> disks(std::vector<Filter> filters, Limit limit) override;
  asio::awaitable<Answer<std::vector<std::string>>> regions(Limit limit) override;
  asio::awaitable<Answer<double>> quota(std::string code, Limit limit) override;
  asio::awaitable<Answer<std::vector<SpotPrice>>> spot_prices(std::vector<std::string> types,
                                                              std::string moment, Limit limit) override;
  asio::awaitable<Answer<std::vector<std::string>>> zones(Limit limit) override;
  asio::awaitable<Answer<std::string>> create_security_group(std::string name, std::string network, Tags tags,
                                                             Limit limit) override;
  asio::awaitable<Answer<void>> allow_members(std::string group, bool outwards, Limit limit) override;
  asio::awaitable<Answer<void>> import_key_pair(std::string name, std::string public_key, Tags tags,
                                                Limit limit) override;
  asio::awaitable<Answer<void>> create_placement_group(std::string name, Tags tags, Limit limit) override;
  asio::awaitable<Answer<std::vector<Instance>>> run_instances(LaunchRequest request, bool dry_run,
                                                               Limit limit) override;

 private:
  /// The answers to a call that comes in pages.
  asio::awaitable<Answer<std::vector<pugi::xml_document>>> pages(std::string action, Parameters parameters,
                                                                 Limit limit);
  asio::awaitable<Answer<void>> act(std::string action, Parameters parameters, Limit limit);

  std::unique_ptr<HttpSender> http_;
  CloudSettings settings_;
  CredentialSource credentials_;
  Query query_;
};

}  // namespace ec2mpi::cloud
