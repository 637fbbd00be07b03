#pragma once
/// The placement of jobs whose ranks mpirun itself maps to nodes, by --map-by.

#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/job_spec.hpp"

namespace ec2mpi {

struct Place;  // placement.hpp

/// As place_ranks, but `ranks` are filled node by node, as all words but "node" do it, and the other room of
/// the nodes becomes `spare`, for mpirun needs the slots. Words with options (`slot:PE=2`) may need more
/// nodes than the ranks fill; they get the room of all nodes that are not busy. An empty word: place_ranks.
/// Errors: usage.
[[nodiscard]] Result<std::vector<Place>> place_ranks_by(std::string_view map_by, std::vector<Place> places,
                                                        Ranks wanted, Slots slots);

/// By rank, the label of its node, as Open MPI deals the ranks out to the slots of `places` with --map-by
/// slot or node. Empty for other words, whose ranks only mpirun knows.
[[nodiscard]] std::vector<std::string> labels_by_rank(std::string_view map_by,
                                                      const std::vector<Place>& places);

/// Whether Open MPI 4 or 5 knows the first word of a --map-by or a --rank-by; what stands behind it is left
/// to mpirun, but "ppr" needs its number and its object. Errors: usage.
[[nodiscard]] Result<void> check_map_by(std::string_view map_by);
[[nodiscard]] Result<void> check_rank_by(std::string_view rank_by);

/// The same mapping with its words in full and in lower case, as the functions here know them: Open MPI takes
/// any case, and the beginnings of words. A beginning of two words stays.
[[nodiscard]] std::string plain_map_by(std::string_view map_by);

/// Whether the `ranks` of place_ranks_by are where mpirun will put them: not with options behind the word.
[[nodiscard]] bool is_foreseen(std::string_view map_by);

/// 2 of "ppr:2:node", the ranks that mpirun starts on each node; 0 of any other word.
[[nodiscard]] int ranks_a_node(std::string_view map_by);

}  // namespace ec2mpi
