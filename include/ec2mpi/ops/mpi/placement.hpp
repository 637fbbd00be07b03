#pragma once
/// Which node gets how many ranks, and the network they share. ec2mpi computes the placement itself and tells
/// mpirun exact slots, for the MPIs do not agree on what to do with more ranks than slots.

#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/facts.hpp"
#include "ec2mpi/cluster/values/job_spec.hpp"

namespace ec2mpi {

/// "cores", "threads" or a number above 0. Errors: usage.
[[nodiscard]] Result<Slots> parse_slots(std::string_view text);

struct Place {
  std::string label;  ///< "node3"
  Ipv4 address;
  int cores = 0;
  int threads = 0;
  int listed = 0;     ///< slots that the list of nodes names; 0 = none
  int ranks = 0;      ///< as place_ranks decides
  int spare = 0;      ///< slots that stay free for ranks that the program spawns
  bool busy = false;  ///< another job runs there
  std::string hostname = {};
};

/// Fills in `ranks`, spread evenly: 5 ranks on 4 nodes give 2, 1, 1, 1. If fewer ranks are wanted than there
/// is room for, nodes that are not busy are filled first. Ranks that do not fit are refused with the
/// arithmetic and what to type instead. Errors: usage. `places` must not be empty.
[[nodiscard]] Result<std::vector<Place>> place_ranks(std::vector<Place> places, Ranks wanted, Slots slots);

/// One machine that stands twice in the list would be started twice. Errors: usage.
[[nodiscard]] Result<void> refuse_same_machine(const std::vector<Place>& places);

/// Leaves `slots` slots free, where the most cores are left.
void leave_slots_free(std::vector<Place>& places, int slots);

/// What a job in a queue has to wait for: its ranks, and on how many nodes (0: as few as have room).
struct Need {
  int np = 0;
  int nodes = 0;
  bool operator==(const Need&) const = default;
};

/// How many ranks have room on each of the places.
[[nodiscard]] std::vector<int> room_of(const std::vector<Place>& places, Ranks wanted, Slots slots);

/// Errors: usage, if it would not fit even if all places were free. `places` must not be empty.
[[nodiscard]] Result<Need> need_of(const std::vector<Place>& places, Ranks wanted, Slots slots);

/// Those of the places that a job gets if all are free: the first that have room. By the same rule as the
/// queue on the master (src/ops/job/schedule.sh); the need must come from need_of.
[[nodiscard]] std::vector<std::size_t> first_fit(const std::vector<int>& room, Need need);

[[nodiscard]] int total_ranks(const std::vector<Place>& places);
/// Some node has more ranks than cores.
[[nodiscard]] bool oversubscribed(const std::vector<Place>& places);

/// Open MPI's form, `10.0.0.11 slots=2`; nodes without ranks are left out.
[[nodiscard]] std::string hostfile(const std::vector<Place>& places);

/// One address a line, in the places' order.
[[nodiscard]] std::string address_list(const std::vector<Place>& places);

struct Network {
  Ipv4 base;
  int prefix = 32;

  [[nodiscard]] std::string text() const;  ///< "10.0.0.0/27"
  [[nodiscard]] bool holds(Ipv4 address) const;
};

/// The smallest single network that holds all addresses; of none: 0.0.0.0/32, which holds no node.
[[nodiscard]] Network covering_network(const std::vector<Ipv4>& addresses);

}  // namespace ec2mpi
