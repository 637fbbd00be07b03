#pragma once
/// The answers of a healthy cluster to doctor, for tests of its findings.

#include <algorithm>
#include <string>
#include <vector>

#include "ec2mpi/ops/doctor/findings.hpp"

namespace ec2mpi::test {

/// A node of a healthy cluster.
inline ops::NodeRecord healthy_node(int index) {
  ops::NodeRecord record;
  record.node.index = index;
  record.asked_at = 1000;
  record.answered_at = 1000.5;
  ops::NodeAnswer answer;
  auto& facts = answer.facts;
  facts.private_address = {0x0a00000aU + static_cast<std::uint32_t>(index)};
  facts.hostname = "ip-" + facts.private_address.text();
  std::ranges::replace(facts.hostname, '.', '-');
  facts.home = "/home/ubuntu";
  facts.cores = facts.threads = 2;
  facts.mpirun = "/usr/bin/mpirun";
  facts.mpi = MpiVersion{MpiFlavour::open_mpi, 4, "4.1.4"};
  facts.python3 = "/usr/bin/python3";
  auto& health = answer.health;
  health.clock = 1000.2;
  health.user = "ubuntu";
  health.mpiruns = {{"/usr/bin/mpirun", facts.mpi}};
  health.mpi4py_version = "3.1.4";
  health.mpi4py_mpi = facts.mpi;
  health.own_name_resolves = true;
  health.home_free = health.tmp_free = health.shm_free = 10'000'000'000;
  health.memory = 8'000'000'000;
  health.memory_available = 7'000'000'000;
  health.limits["n"].value = 1024;
  health.limits["l"].value = 64;
  health.interfaces = {{"lo", {0x7f000001U}, 8, 65536}, {"ens5", facts.private_address, 24, 9001}};
  record.answer = answer;
  return record;
}

/// `count` of them, which reach all that doctor lets them try.
inline std::vector<ops::NodeRecord> healthy_cluster(int count) {
  std::vector<ops::NodeRecord> records;
  const auto size = static_cast<std::size_t>(count);
  const auto index_of = [](std::size_t position) { return static_cast<int>(position) + 1; };
  for (std::size_t own = 0; own < size; ++own) {
    auto& record = records.emplace_back(healthy_node(index_of(own)));
    for (const auto target : ops::tcp_targets_of(own, size)) record.tcp[index_of(target)] = {true, {}};
    for (const auto target : ops::login_targets_of(own, size))
      record.links.names[index_of(target)] = record.links.logins[index_of(target)] = {true, {}};
  }
  return records;
}

}  // namespace ec2mpi::test
