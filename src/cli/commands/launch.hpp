#pragma once
/// Starts instances at the first place that has room for all of them, and ends them again.

#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "src/cli/commands/instances.hpp"

namespace ec2mpi::cli {

/// Which instances are spot instances. EC2 may take those away at any time.
enum class SpotShare { none, workers, all };

/// A type of instance that the user accepts, and the image for it.
struct LaunchChoice {
  cloud::InstanceType type;
  cloud::Image image;
};

/// Where instances may be started: a subnet, or a zone, or anywhere if both are empty.
struct LaunchPlace {
  std::string zone;
  std::string subnet = {};
};

struct LaunchPlan {
  std::string cluster;  ///< its name
  std::size_t count = 0;
  cloud::Lifetime life = {};
  cloud::Moment end_of_life = {};
  bool has_master = true;  ///< the first one is the master of the cluster
  SpotShare spot = SpotShare::none;
  std::vector<LaunchChoice> choices = {};  ///< the preferred one first
  std::vector<LaunchPlace> places = {};    ///< empty: anywhere, then each zone of the region
  cloud::LaunchShape shape = {};    ///< `spot`, cores and the disk's device are filled in by the launch
  std::string vpc = {};             ///< of the security group; empty: the default one
  std::string network = {};         ///< that may log in by ssh: "203.0.113.7/32"
  std::filesystem::path list = {};  ///< will be written
  std::string key_pair = {};
  std::vector<std::string> security_groups = {};
  std::string placement_group = {};    ///< one that is there
  bool makes_placement_groups = true;  ///< where the type allows
  cloud::Tags tags = {};               ///< of all instances and their disks
};

/// Everything that a launch has left in the account, also if it has failed.
struct Launched {
  std::vector<std::string> tokens = {};  ///< of all requests; an answer may have been lost
  std::vector<std::string> ids = {};     ///< as far as EC2 has answered; the master first
};

/// The instances that are on demand, and those that are spot instances; one of both may be none.
struct LaunchPart {
  std::size_t count = 0;
  bool spot = false;
};
[[nodiscard]] std::vector<LaunchPart> parts_of(const LaunchPlan& plan);

/// One request, without the things that the cluster does not have yet.
[[nodiscard]] cloud::LaunchRequest launch_request(const LaunchPlan& plan, const LaunchChoice& choice,
                                                  const LaunchPlace& place, LaunchPart part);

/// Our script for the end of life, and the user's own user data. Errors: usage, if they do not go together.
[[nodiscard]] Result<std::string> user_data_of(const LaunchPlan& plan);

/// Asks EC2 whether it would allow the launch.
[[nodiscard]] asio::awaitable<cloud::Answer<void>> try_launch(InstanceContext& context,
                                                              const LaunchPlan& plan);

/// Starts all or none, and reports each place that has no room for them.
[[nodiscard]] asio::awaitable<cloud::Answer<void>> launch(InstanceContext& context, const LaunchPlan& plan,
                                                          Launched& launched);

/// Waits until all run and have addresses. Errors: unreachable, if one does not get that far.
[[nodiscard]] asio::awaitable<cloud::Answer<std::vector<cloud::Instance>>> wait_for_launched(
    InstanceContext& context, const LaunchPlan& plan, const Launched& launched);

/// Whether the list of these instances has public addresses; a subnet may give none.
[[nodiscard]] bool have_public_addresses(const std::vector<cloud::Instance>& instances);

/// Ends the instances, also those whose ids were in a lost answer, and waits for their end.
[[nodiscard]] asio::awaitable<cloud::Answer<void>> end_launched(InstanceContext& context,
                                                                const Launched& launched);

/// Turns an exception of `start` into an error, and keeps it in `bug`: a bug must not leave instances
/// running, so they end before the exception continues.
[[nodiscard]] asio::awaitable<cloud::Answer<void>> catch_bug(asio::awaitable<cloud::Answer<void>> start,
                                                             std::exception_ptr& bug);

}  // namespace ec2mpi::cli
