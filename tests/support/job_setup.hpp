#pragma once
/// Nodes and their facts, for tests of job plans.

#include <map>
#include <vector>

#include "ec2mpi/cluster/values/facts.hpp"
#include "ec2mpi/cluster/values/job_spec.hpp"
#include "ec2mpi/cluster/values/node.hpp"

namespace ec2mpi::test {

/// `count` nodes, 10.0.0.1 and on, with two threads on `cores` cores, Open MPI 4.1.4, python3 and mpi4py; and
/// a job on them.
struct JobSetup {
  std::vector<Node> nodes;
  std::map<int, NodeFacts> facts;
  JobSpec job;

  JobSetup(int count, int cores, std::string id, std::vector<std::string> command) {
    for (int index = 1; index <= count; ++index) {
      Node node;
      node.index = index;
      nodes.push_back(node);
      NodeFacts said;
      said.private_address = Ipv4{0x0a000000U + static_cast<std::uint32_t>(index)};
      said.addresses = {Ipv4{0x7f000001}, said.private_address};
      said.home = "/home/ubuntu";
      said.cores = cores;
      said.threads = 2;
      said.mpirun = "/usr/bin/mpirun";
      said.mpi = parse_mpi_version("mpirun (Open MPI) 4.1.4");
      said.python3 = "/usr/bin/python3";
      said.mpi4py = true;
      facts[index] = said;
    }
    job.id = std::move(id);
    job.command = std::move(command);
  }
};

}  // namespace ec2mpi::test
