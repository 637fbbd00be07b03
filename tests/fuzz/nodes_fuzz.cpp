// What nodes print about themselves and each other: facts, setup's states, load, stacks, doctor's and net's
// answers.

#include "ec2mpi/cluster/values/facts.hpp"
#include "ec2mpi/cluster/values/mpi_version.hpp"
#include "ec2mpi/ops/doctor/health_report.hpp"
#include "ec2mpi/ops/doctor/mesh.hpp"
#include "ec2mpi/ops/doctor/net.hpp"
#include "ec2mpi/ops/mpi/placement.hpp"
#include "ec2mpi/ops/setup/member.hpp"
#include "ec2mpi/ops/setup/setup_state.hpp"
#include "ec2mpi/ops/stacks/stacks.hpp"
#include "ec2mpi/ops/watch/load.hpp"
#include "frame.hpp"

using namespace ec2mpi::ops;
using namespace ec2mpi::fuzz;

EC2MPI_FUZZ(bytes) {
  switch (take_choice(bytes, 12)) {
    case 0:
      return (void)value_of(ec2mpi::parse_facts(bytes));
    case 1:
      return (void)value_of(parse_setup_state(bytes));
    case 2:
      return (void)value_of(parse_states(bytes));
    case 3:
      return (void)parse_members(bytes);
    case 4:
      return (void)value_of(parse_load(bytes));
    case 5:
      return (void)value_of(parse_stacks(bytes, "node1"));
    case 6:
      return (void)value_of(parse_health_report(bytes, 2));
    case 7:
      return (void)value_of(parse_net(bytes, {1, 2, 3}));
    case 8:
      return (void)value_of(parse_port(bytes));
    case 9:
      return (void)value_of(parse_tcp(bytes));
    case 10:
      return (void)value_of(parse_logins(bytes, {{1, "10.0.0.11", "a", 1}, {2, "10.0.0.12", "b", 2}}));
    default:
      (void)ec2mpi::parse_mpi_version(bytes);
      (void)ec2mpi::parse_mpi_library(bytes);
      return (void)value_of(ec2mpi::parse_slots(bytes));
  }
}
