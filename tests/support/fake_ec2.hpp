#pragma once
/// An account of EC2 in this process. Any of its calls can fail, so that a test sees what is left after each.

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ec2mpi/cloud/ec2.hpp"

namespace ec2mpi::test {

/// How a call fails.
enum class CallFailure {
  refused,  ///< nothing happens
  lost,     ///< the work is done, and the answer does not arrive
  thrown,   ///< the work is done, and then a bug of the program shows as an exception
};

/// Everything that an account has.
struct FakeAccount {
  std::vector<cloud::Instance> instances = {};
  std::map<std::string, std::string> tokens = {};  ///< by instance: that of the request which has started it
  std::vector<cloud::SecurityGroup> groups = {};
  std::set<std::string> key_pairs = {};
  std::set<std::string> placement_groups = {};

  std::size_t calls = 0;          ///< so far
  std::size_t first_failing = 0;  ///< counted from 1; 0: none
  std::size_t last_failing = 0;
  CallFailure failure = CallFailure::refused;
  std::vector<std::string> names = {};  ///< of all calls

  /// The work of another program during each call that stops, starts or ends instances.
  std::function<void()> meanwhile = {};

  /// A running instance of the cluster `train`; the first one has the address 203.0.113.11.
  void add_running(const std::string& id);
  /// Nothing that costs or clutters.
  [[nodiscard]] bool is_empty() const;
};

[[nodiscard]] std::unique_ptr<cloud::Ec2> open_fake_ec2(FakeAccount& account);

}  // namespace ec2mpi::test
